import type { Comparison } from "../comparison.ts";
import { ROUNDS } from "../contenders.ts";
import { runScript } from "../measuring/run_script.ts";
import { type Row, withRatios } from "../results.ts";

const RECORDS = 1_000_000;
const CODEC = "codec alone";

export const embedded: Comparison = {
  name: "embedded",
  about: "a whole pipeline in one process, and the codec alone",
  async run({ records, rounds = ROUNDS, runtimes, say }) {
    const count = String(Math.min(RECORDS, records ?? Infinity));
    const rows: Row[] = [];
    for (let round = 1; round <= rounds; round++) {
      for (const runtime of runtimes) {
        const script = ["bench/contenders/embedded_run.ts", count];
        const { run, codec } = await runScript<{ run: number; codec: number }>(runtime, script);
        rows.push({ round, runtime, contender: "pipeline", rate: run });
        rows.push({ round, runtime, contender: CODEC, rate: codec });
        say(`round ${round} ${runtime}: pipeline ${run} records/s, ${CODEC} ${codec}`);
      }
    }
    return withRatios(rows, CODEC);
  },
};
