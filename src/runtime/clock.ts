import type { Timers } from "../timers.ts";

/** The time of a worker, and when somebody last looked: where milliseconds do, nobody has to look again. Looking costs as much as decoding a field. */
export class Clock {
  /** As `Timers.now()` gave it. */
  last: number;
  /** Whether a worker has just looked and is still at what it looked for, so that `last` will do. */
  isFresh = false;
  readonly #timers: Timers;

  constructor(timers: Timers) {
    this.#timers = timers;
    this.last = timers.now();
  }

  now(): number {
    return this.last = this.#timers.now();
  }

  /** The time when a worker looked, if it is still at that. */
  recent(): number {
    return this.isFresh ? this.last : this.now();
  }
}
