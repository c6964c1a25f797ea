import type { Comparison } from "../comparison.ts";
import { BARE, KFLOW, RECORDS, ROUNDS } from "../contenders.ts";
import { run } from "../race.ts";
import { withRatios } from "../results.ts";

const PROCESSES = 2;

export const twoWorkers: Comparison = {
  name: "two-workers",
  about: "two processes on one consumer: all records by the time from the first delivery to the " +
    "last ack of either",
  async run(options) {
    const race = {
      contenders: [BARE, KFLOW],
      // As many for each process as where there is one: until its code is compiled, each is slower.
      records: PROCESSES * RECORDS,
      rounds: ROUNDS,
      processes: PROCESSES,
    };
    return withRatios(await run(race, options), "bare");
  },
};
