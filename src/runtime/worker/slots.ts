export interface SlotsOptions {
  /** Most deliveries held at once (`max.in.flight`). */
  most: number;
  ackWaitMs: number;
  /** Calls that run at once (`meta.concurrency`). */
  concurrency: number;
}

/** Work held ahead is worth at most this much time: more would only be kept from other workers. */
const AHEAD_MS = 1000;

/** Each step is a round trip to the broker; a function that only looked fast is known before this many times as much is held. */
const GROWTH = 4;

/**
 * How many deliveries a worker holds at once (DESIGN.md 6, step 1): few at first and for slow functions, many for fast ones, so that
 * waiting here never uses up a delivery's ack wait.
 */
export class Slots {
  readonly #options: SlotsOptions;
  /** Smoothed time of a delivery, ms; quick to rise and slow to fall, since being wrong upwards costs little. */
  #typicalMs = 0;
  #count: number;

  constructor(options: SlotsOptions) {
    this.#options = options;
    this.#count = Math.min(options.concurrency, options.most);
  }

  get count(): number {
    return this.#count;
  }

  /** @param deliveryMs Mean time that each of the deliveries just worked off took of the worker. */
  observe(deliveryMs: number): void {
    const weight = deliveryMs > this.#typicalMs ? 0.5 : 0.1;
    this.#typicalMs += (deliveryMs - this.#typicalMs) * weight;
    const { most, ackWaitMs, concurrency } = this.#options;
    const ahead = Math.min(AHEAD_MS, ackWaitMs / 4);
    const wanted = Math.floor(ahead / Math.max(this.#typicalMs, 0.0001));
    const least = Math.min(concurrency, most);
    this.#count = Math.max(least, Math.min(wanted, this.#count * GROWTH, most));
  }
}
