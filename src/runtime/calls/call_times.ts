import type { TaskMetrics } from "../../metrics/metrics.ts";
import type { Clock } from "./worker_clock.ts";

export interface CallTimesOptions {
  clock: Clock;
  metrics: Pick<TaskMetrics, "processed">;
  /** A call that holds the thread for longer is told of, ms. @default Infinity */
  heldLimitMs?: number;
  held?: (milliseconds: number) => void;
}

/** Looking at the clock twice for a call that takes no longer would cost more than the call. */
const SHORT_MS = 0.1;
/** After so many short calls in a row the next are timed in groups. */
const MANY = 256;
/** Calls of a group: if the function begins to hold the thread, so many of its calls do so before anybody sees it. */
const GROUP = 8;

/**
 * Times the calls of a function (`function_processing_time_ms`), with as few looks at the clock as will do:
 *
 *     the call before took        the call is timed
 *     its time                    from a look of its own to its end
 *     next to none                from the worker's last look to its end, which adds the decoding of its record
 *     next to none, like many     with up to seven others: each gets its share of the time; if that is not short any more, one of
 *                                 them took what the others usually do not
 */
export class CallTimes {
  readonly #options: CallTimesOptions;
  readonly #clock: Clock;
  /** Short calls in a row. */
  #short = 0;
  /** What each of the last of them took, ms. */
  #usualMs = 0;
  /** Calls that are over and not timed yet, and since when. */
  #over = 0;
  #since = 0;
  // Made once: a function made for each group would take memory for it.
  readonly #onLook = (now: number) => this.#time(now);

  constructor(options: CallTimesOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  /** A call begins. @returns What its end is told with. */
  begin(): number {
    return this.#short > 0 ? this.#clock.recent() : this.#clock.now();
  }

  /** A call has returned, with what need not be awaited. */
  returned(started: number): void {
    this.#end(started);
    const mayWait = this.#short >= MANY && this.#over < GROUP && this.#clock.isFresh;
    if (!mayWait) this.#clock.now();
  }

  /** A call has thrown. */
  threw(started: number): void {
    this.#end(started);
    this.#clock.now();
  }

  #end(started: number): void {
    this.#over++;
    this.#since = started;
    this.#clock.owe(this.#onLook);
  }

  /** A call has to be awaited. @returns What is called when it is settled. */
  mustWait(started: number): () => void {
    const { metrics } = this.#options;
    const begun = started + this.#over * this.#usualMs;
    if (this.#over > 0) metrics.processed(this.#usualMs, this.#over);
    this.#over = 0;
    this.#clock.owe(undefined);
    this.#short = 0;
    this.#tellHeld(this.#clock.now() - begun);
    return () => metrics.processed(this.#clock.now() - begun);
  }

  #time(now: number): void {
    const { metrics } = this.#options;
    const calls = this.#over;
    this.#over = 0;
    const allMs = now - this.#since;
    if (allMs < SHORT_MS * calls) {
      this.#short += calls;
      this.#usualMs = allMs / calls;
      metrics.processed(this.#usualMs, calls);
      return;
    }
    this.#short = 0;
    const othersMs = (calls - 1) * this.#usualMs;
    if (calls > 1) metrics.processed(this.#usualMs, calls - 1);
    metrics.processed(allMs - othersMs);
    this.#tellHeld(allMs - othersMs);
  }

  #tellHeld(milliseconds: number): void {
    const { heldLimitMs = Infinity, held } = this.#options;
    if (milliseconds > heldLimitMs) held?.(milliseconds);
  }
}
