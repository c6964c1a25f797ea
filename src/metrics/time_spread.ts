/** Buckets to each doubling: a quantile is wrong by 5 % at most. */
const PER_OCTAVE = 8;
/** From 2^-10 ms, about a microsecond, to 2^30 ms, twelve days. */
const LOWEST = -10;
const BUCKETS = 40 * PER_OCTAVE;

/** How times spread, in memory of a fixed size and without an allocation for each. */
export class TimeSpread {
  readonly #buckets = new Float64Array(BUCKETS);
  count = 0;
  /** Milliseconds. */
  sum = 0;

  /** Takes any number; one that is no time counts as 0. */
  observe(milliseconds: number): void {
    const time = milliseconds > 0 && milliseconds < Infinity ? milliseconds : 0;
    const at = Math.floor((Math.log2(time) - LOWEST) * PER_OCTAVE);
    this.#buckets[Math.min(Math.max(at, 0), BUCKETS - 1)]!++;
    this.count++;
    this.sum += time;
  }

  /** The time, ms, that this share of all did not exceed; undefined without any. */
  quantile(share: number): number | undefined {
    if (this.count === 0) return undefined;
    let left = Math.max(1, Math.ceil(share * this.count));
    let at = 0;
    while (at < BUCKETS - 1 && left > this.#buckets[at]!) left -= this.#buckets[at++]!;
    return 2 ** ((at + 0.5) / PER_OCTAVE + LOWEST);
  }
}
