/** Buckets to each doubling, all as wide: a quantile is wrong by 4 % at most. The first 4 bits of a number's mantissa say which it is. */
const PER_OCTAVE = 16;
/** Of the upper half of a number, which begins with its exponent, what is behind those bits. */
const BITS_BEHIND = 16;
/** From 2^-10 ms, about a microsecond, to 2^30 ms, twelve days. */
const LOWEST = 2 ** -10;
const BUCKETS = 40 * PER_OCTAVE;

/** How times spread, in memory of a fixed size and without an allocation or a logarithm for each. */
export class TimeSpread {
  readonly #buckets = new Float64Array(BUCKETS);
  readonly #number = new DataView(new ArrayBuffer(8));
  readonly #lowest = this.#placeOf(LOWEST);
  count = 0;
  /** Milliseconds. */
  sum = 0;

  /** Takes any number; one that is no time counts as 0. @param times So many of the same. */
  observe(milliseconds: number, times = 1): void {
    const time = milliseconds > 0 && milliseconds < Infinity ? milliseconds : 0;
    const at = this.#placeOf(time) - this.#lowest;
    this.#buckets[Math.min(Math.max(at, 0), BUCKETS - 1)]! += times;
    this.count += times;
    this.sum += time * times;
  }

  /** The time, ms, that this share of all did not exceed; undefined without any. */
  quantile(share: number): number | undefined {
    if (this.count === 0) return undefined;
    let left = Math.max(1, Math.ceil(share * this.count));
    let at = 0;
    while (at < BUCKETS - 1 && left > this.#buckets[at]!) left -= this.#buckets[at++]!;
    const octave = Math.floor(at / PER_OCTAVE);
    return LOWEST * 2 ** octave * (1 + (at % PER_OCTAVE + 0.5) / PER_OCTAVE);
  }

  /** That of the bucket among all that a number could have. */
  #placeOf(time: number): number {
    this.#number.setFloat64(0, time);
    return this.#number.getUint32(0) >>> BITS_BEHIND;
  }
}
