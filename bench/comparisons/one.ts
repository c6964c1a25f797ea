import type { Comparison } from "../comparison.ts";
import { BARE, JS_PUBLISH, KFLOW, RECORDS, ROUNDS } from "../contenders.ts";
import { run } from "../race.ts";
import { withRatios } from "../results.ts";

export const one: Comparison = {
  name: "one",
  about: "one task with one output: our worker, the loop by hand, one js.publish for each record",
  async run(options) {
    const contenders = [BARE, KFLOW, JS_PUBLISH];
    return withRatios(await run({ contenders, records: RECORDS, rounds: ROUNDS }, options), "bare");
  },
};
