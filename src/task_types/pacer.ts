/** Where a pace takes its time from. */
export interface Clock {
  /** Milliseconds, never going back. */
  now(): number;
  /** Resolves after the time, or earlier when the signal is aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** What was missed in so long a pause may be made up for at once. */
const CATCH_UP_MS = 50;

/**
 * Keeps a rate by the time at which each record is due, so that late timers do not add up. After a pause longer than 50 ms it goes on from
 * there instead of making up for it.
 */
export class Pacer {
  readonly #stepMs: number;
  readonly #clock: Clock;
  #dueAt = -Infinity;

  constructor(perSecond: number, clock: Clock) {
    this.#stepMs = 1000 / perSecond;
    this.#clock = clock;
  }

  /** Counts one record if it is due and returns 0; else returns how long to wait, ms. */
  take(): number {
    const now = this.#clock.now();
    if (this.#dueAt === -Infinity) this.#dueAt = now;
    const waitMs = this.#dueAt - now;
    if (waitMs > 0) return waitMs;
    this.#dueAt = Math.max(this.#dueAt, now - CATCH_UP_MS) + this.#stepMs;
    return 0;
  }
}

export const REAL_CLOCK: Clock = {
  now: () => performance.now(),
  sleep(milliseconds, signal) {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      // Beyond this a timer would fire at once; whoever sleeps looks again.
      const timer = setTimeout(wake, Math.min(Math.ceil(milliseconds), 2 ** 31 - 1));
      signal.addEventListener("abort", wake, { once: true });
    });
  },
};
