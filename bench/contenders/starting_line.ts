import process from "node:process";

/** Says that this process is ready and waits for the word to go, so that those of one contender begin together. */
export async function startingLine(): Promise<void> {
  const told = new Promise<void>((resolve) => process.stdin.once("data", () => resolve()));
  console.log("ready");
  await told;
  process.stdin.pause();
}

/** Milliseconds since 1970, finer than `Date.now()`. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
