/** Upper bounds, ms: from a function that only computes to one that works for minutes. */
export const BUCKETS_MS: readonly number[] = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  1000,
  2000,
  5000,
  10_000,
  30_000,
  60_000,
  120_000,
  300_000,
  600_000,
];

/** Times counted by bucket. */
export class TimeTally {
  /** Times in each bucket alone; the last is of what is above all bounds. */
  readonly buckets: number[] = new Array(BUCKETS_MS.length + 1).fill(0);
  sum = 0;

  /** @param times So many of the same. */
  observe(milliseconds: number, times = 1): void {
    // A clock that was set back, or a caller's mistake, must not spoil the sum.
    const time = milliseconds > 0 && milliseconds < Infinity ? milliseconds : 0;
    let i = 0;
    while (i < BUCKETS_MS.length && time > BUCKETS_MS[i]!) i++;
    this.buckets[i]! += times;
    this.sum += time * times;
  }
}
