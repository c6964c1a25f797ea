import type { Comparison } from "../comparison.ts";
import { KFLOW } from "../contenders.ts";
import { run } from "../race.ts";
import { table } from "../results.ts";

export const memory: Comparison = {
  name: "memory",
  about: "our worker's resident set over a million records, early and late",
  async run(options) {
    const rows = await run({ contenders: [KFLOW], records: 1_000_000, rounds: 1 }, options);
    const lines = rows.flatMap(({ runtime, rss }) =>
      rss === undefined ? [] : [
        `${runtime}: resident set ${mib(rss.first)} in the first third, ${
          mib(rss.last)
        } in the last`,
      ]
    );
    return [table(rows), ...lines].join("\n");
  },
};

function mib(bytes: number): string {
  return `${Math.round(bytes / (1 << 20))} MiB`;
}
