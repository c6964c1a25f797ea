import type { Timers } from "../timers.ts";

/** The time of a worker, and when somebody last looked: where milliseconds do, nobody has to look again. Looking costs as much as decoding a field. */
export class Clock {
  /** As `Timers.now()` gave it. */
  last: number;
  readonly #timers: Timers;

  constructor(timers: Timers) {
    this.#timers = timers;
    this.last = timers.now();
  }

  now(): number {
    return this.last = this.#timers.now();
  }
}
