/** Of the time that is left only so much is given away: records differ. */
const MARGIN = 0.8;

/** How fast a task has worked off its records, as far as it was seen: remembered from one drain to the next. */
export class Pace {
  /** Longest time of a record that did not have to wait for others, ms. */
  #longestMs?: number;
  /** Longest time between two records that were worked off one after the other, ms. */
  #gapMs = 0;

  /**
   * How many records can be worked off in a time: one while nothing is known, so that something becomes known.
   * @param atOnce Calls that run at once.
   */
  within(milliseconds: number, atOnce: number): number {
    const time = milliseconds * MARGIN;
    if (time <= 0) return 0;
    if (this.#longestMs === undefined) return 1;
    if (this.#longestMs > time) return 0;
    return Math.max(atOnce, Math.floor(time / Math.max(this.#gapMs, 0.01)));
  }

  /** A record was worked off that was begun at once. */
  took(milliseconds: number): void {
    this.#longestMs = Math.max(this.#longestMs ?? 0, milliseconds);
  }

  /** So long after the one before. */
  followed(milliseconds: number): void {
    this.#gapMs = Math.max(this.#gapMs, milliseconds);
  }

  /** At the end of a drain: a single slow record is no reason to take nothing for ever. */
  fade(): void {
    if (this.#longestMs !== undefined) this.#longestMs /= 2;
    this.#gapMs /= 2;
  }
}
