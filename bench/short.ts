import type { BenchOptions } from "./comparison.ts";
import { BARE, KFLOW } from "./contenders.ts";
import { run } from "./race.ts";
import { ratios, type Row, withRatios } from "./results.ts";

const RECORDS = 60_000;
/** The first records find nothing compiled, and there is more to compile of our worker. */
const WARM_UP = 20_000;
const ROUNDS = 7;

/** The form for CI: the comparison `one` at a small count, after a warm-up. What is too slow is `problem`. @param least Of the loop by hand. */
export async function short(
  options: BenchOptions,
  least: number,
): Promise<{ text: string; problem: string | undefined }> {
  const race = { contenders: [BARE, KFLOW], records: RECORDS, warmUp: WARM_UP, rounds: ROUNDS };
  const rows = await run(race, options);
  // A machine that was busy for a moment gets as many rounds again, and all of them count.
  if (tooSlow(rows, least) !== undefined) {
    const before = Math.max(...rows.map(({ round }) => round));
    const again = await run(race, options);
    rows.push(...again.map((row) => ({ ...row, round: row.round + before })));
  }
  return { text: withRatios(rows, "bare"), problem: tooSlow(rows, least) };
}

/** One line that says where our worker is too slow; undefined if nowhere. */
export function tooSlow(rows: readonly Row[], least: number): string | undefined {
  const slow = ratios(rows, "bare").filter(({ median }) => !(median >= least));
  if (slow.length === 0) return undefined;
  const where = slow.map(({ runtime, median }) => `${median.toFixed(2)} on ${runtime}`).join(", ");
  return `kflow / bare is ${where}: less than ${least} of the loop by hand`;
}
