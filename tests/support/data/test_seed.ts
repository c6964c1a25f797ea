import process from "node:process";
import { note } from "../note.ts";

/** A seed that no run before has had, unless `KFLOW_TEST_SEED` gives one. Printed, so that the order of events can be had again. */
export function testSeed(): number {
  const seed = Number(process.env.KFLOW_TEST_SEED ?? Date.now() % 1_000_000);
  note(`seed ${seed}: KFLOW_TEST_SEED=${seed} repeats it`);
  return seed;
}
