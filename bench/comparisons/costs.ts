import type { Comparison } from "../comparison.ts";
import { KFLOW, RECORDS } from "../contenders.ts";
import { run } from "../race.ts";
import { withCosts } from "../results.ts";

/** A few per cent are to be told from nothing. */
const ROUNDS = 9;

export const costs: Comparison = {
  name: "costs",
  about: "what our worker with something on spends on a record more than with its defaults",
  async run(options) {
    const contenders = [
      KFLOW,
      { ...KFLOW, name: "metrics", scraped: true },
      { ...KFLOW, name: "error-stream", job: { errorStream: true } },
      { ...KFLOW, name: "long-running", job: { longRunning: true } },
    ];
    return withCosts(await run({ contenders, records: RECORDS, rounds: ROUNDS }, options), "kflow");
  },
};
