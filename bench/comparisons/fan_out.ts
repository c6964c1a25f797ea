import type { Comparison } from "../comparison.ts";
import { BARE, KFLOW, RECORDS, ROUNDS } from "../contenders.ts";
import { run } from "../race.ts";
import { withRatios } from "../results.ts";

export const fanOut: Comparison = {
  name: "fan-out",
  about: "one task whose outputs go to two streams; an input is acked when both are confirmed",
  async run(options) {
    const race = { contenders: [BARE, KFLOW], records: RECORDS, rounds: ROUNDS, outs: 2 } as const;
    return withRatios(await run(race, options), "bare");
  },
};
