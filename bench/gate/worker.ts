import { BARE, KFLOW } from "../contenders.ts";
import { run } from "../race.ts";
import { ratios, type Row } from "../results.ts";
import { isWithin, type Measure, type Measured } from "./measure.ts";

const RECORDS = 60_000;
/** The first records find nothing compiled, and there is more to compile of our worker. */
const WARM_UP = 20_000;
const ROUNDS = 7;

/** The comparison `one` with few records, after a warm-up. @param atLeast Of the rate of the loop by hand. */
export function workerMeasure(atLeast: number): Measure {
  return {
    name: "worker",
    about: "our worker's rate divided by that of a loop by hand on the same client",
    async run(options) {
      const race = { contenders: [BARE, KFLOW], records: RECORDS, warmUp: WARM_UP, rounds: ROUNDS };
      const rows = await run(race, options);
      // A machine that was busy for a moment gets as many rounds again, and all of them count.
      if (!toMeasured(rows, atLeast).every(isWithin)) {
        const before = Math.max(...rows.map(({ round }) => round));
        const again = await run(race, options);
        rows.push(...again.map((row) => ({ ...row, round: row.round + before })));
      }
      return toMeasured(rows, atLeast);
    },
  };
}

function toMeasured(rows: readonly Row[], atLeast: number): Measured[] {
  return ratios(rows, BARE.name).map(({ runtime, median }) => ({
    what: "worker / loop by hand",
    runtime,
    value: median,
    unit: "",
    bound: { atLeast },
  }));
}
