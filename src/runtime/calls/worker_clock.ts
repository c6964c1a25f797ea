import type { Timers } from "../../base/time/timers.ts";

/**
 * The time of a worker, and when somebody last looked: where milliseconds do, nobody has to look again. Looking costs more than all that is done for a small
 * record between two looks.
 */
export class Clock {
  /** As `Timers.now()` gave it. */
  last: number;
  /** Whether a worker has just looked and is still at what it looked for, so that `last` will do. */
  isFresh = false;
  readonly #timers: Timers;
  #owed?: (now: number) => void;

  constructor(timers: Timers) {
    this.#timers = timers;
    this.last = timers.now();
  }

  now(): number {
    const now = this.last = this.#timers.now();
    const owed = this.#owed;
    if (owed !== undefined) {
      this.#owed = undefined;
      owed(now);
    }
    return now;
  }

  /** The time when a worker looked, if it is still at that. */
  recent(): number {
    return this.isFresh ? this.last : this.now();
  }

  /** Whether the next look is waited for, so that somebody has to take one before the worker does anything else than call its function. */
  get isOwed(): boolean {
    return this.#owed !== undefined;
  }

  /** @param owed Called with the time at the next look, once; undefined takes back what was asked for. */
  owe(owed: ((now: number) => void) | undefined): void {
    this.#owed = owed;
  }

  /** Takes the look that is owed, if one is. */
  settle(): void {
    if (this.isOwed) this.now();
  }
}
