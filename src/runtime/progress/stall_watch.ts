import { REAL_TIMERS, type Timers } from "../../base/time/timers.ts";

/** Ack waits without a step after which a worker counts as stalled. */
const PATIENCE = 3;

export interface StallWatchOptions {
  readonly ackWaitMs: number;
  /** `hungMs`: for how long its loop has waited for the function alone; `inFlight` and `held`: deliveries taken, and those that wait for `requestAck()`. */
  readonly worker: { hungMs(): number; readonly inFlight: number; readonly held: number };
  /** How many deliveries the worker has begun: a change is a step. */
  readonly counts: { readonly in: number };
  /** @default the real ones */
  readonly timers?: Timers;
}

/**
 * Whether a worker has made no step for three ack waits though messages wait. What waits for a server that is away, for room in a full queue, or for a
 * function that may take long is no stall: to start the process anew would help nothing.
 */
export class StallWatch {
  readonly #options: StallWatchOptions;
  readonly #timers: Timers;
  /** Since when the worker has been seen idle with messages waiting for it. */
  #idleSince?: number;
  #begun = 0;
  #waits = false;

  constructor(options: StallWatchOptions) {
    this.#options = options;
    this.#timers = options.timers ?? REAL_TIMERS;
  }

  /** Tells it how the queue stands; undefined if the broker does not answer. To be called now and then. */
  look(queue: { readonly pending: number; readonly ackPending: number } | undefined): void {
    const { worker, counts } = this.#options;
    this.#waits = queue !== undefined && queue.pending + queue.ackPending > 0;
    const isIdle = queue !== undefined && queue.pending > 0 && worker.inFlight === worker.held;
    if (!isIdle || counts.in !== this.#begun) this.#idleSince = undefined;
    if (isIdle) this.#idleSince ??= this.#timers.now();
    this.#begun = counts.in;
  }

  /** As far as the last look tells. */
  get isStalled(): boolean {
    const { worker, ackWaitMs } = this.#options;
    const idleMs = this.#timers.now() - (this.#idleSince ?? Infinity);
    return Math.max(idleMs, this.#waits ? worker.hungMs() : 0) > PATIENCE * ackWaitMs;
  }
}
