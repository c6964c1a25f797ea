import type { Comparison } from "../comparison.ts";
import { BARE, KFLOW, RECORDS, ROUNDS } from "../contenders.ts";
import { run } from "../race.ts";
import { withRatios } from "../results.ts";

export const twoWorkers: Comparison = {
  name: "two-workers",
  about: "two processes on one consumer: all records by the time from the first delivery to the " +
    "last ack of either",
  async run(options) {
    const race = { contenders: [BARE, KFLOW], records: RECORDS, rounds: ROUNDS, processes: 2 };
    return withRatios(await run(race, options), "bare");
  },
};
