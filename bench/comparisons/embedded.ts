import type { Comparison } from "../comparison.ts";
import { RUNTIMES } from "../measuring/run_script.ts";
import { Program } from "../program.ts";

const RECORDS = 300_000;

export const embedded: Comparison = {
  name: "embedded",
  about: "a whole pipeline in one process, and the codec alone",
  async run({ records, runtimes }) {
    const count = String(Math.min(RECORDS, records ?? Infinity));
    const lines: string[] = [];
    for (const runtime of runtimes) {
      const program = new Program([
        ...RUNTIMES[runtime],
        "bench/contenders/embedded_run.ts",
        count,
      ]);
      const { run, codec, ratio } = JSON.parse((await program.output()).trim().split("\n").at(-1)!);
      lines.push(`${runtime}: embedded run ${run} records/s, codec alone ${codec}, ratio ${ratio}`);
    }
    return lines.join("\n");
  },
};
