import process from "node:process";

/** A seed that no run before has had, unless `KFLOW_TEST_SEED` gives one. Printed, so that a failure can be repeated. */
export function testSeed(): number {
  const seed = Number(process.env.KFLOW_TEST_SEED ?? Date.now() % 1_000_000);
  console.log(`seed ${seed}: KFLOW_TEST_SEED=${seed} repeats it`);
  return seed;
}
