import type { Timers } from "../../base/time/timers.ts";
import type { TaskMetrics } from "../../metrics/metrics.ts";
import type { CallContext, CallScope } from "./call_context.ts";
import type { BulkContext, Context } from "../../api/context.ts";
import type { Flight } from "../records/flight.ts";
import type { ProcessFunction } from "../../api/function.ts";
import { ScopedContext } from "./scoped_context.ts";
import { heldBack, type OutageOptions, outlasts } from "./outage.ts";

export interface BulkOptions {
  /** Writes one bulk. */
  flush: NonNullable<ProcessFunction["flush"]>;
  /** Records that make a bulk (`bulk.flush.size`). */
  size: number;
  /** Longest time a record waits for others, ms (`bulk.flush.timer`). */
  timerMs: number;
  scope: CallScope;
  contextOf: (flight: Flight) => CallContext;
  outage: OutageOptions;
  metrics: Pick<TaskMetrics, "processed">;
  timers: Timers;
}

interface Waiting {
  readonly flight: Flight;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Bulk mode (product document, "Sending bulk data through Sinks"): a record's call is to wait until its bulk is written. A bulk is written when it is full, when its
 * first record has waited long enough, or when somebody asks; one at a time, while the next is filling.
 */
export class Bulk {
  readonly #options: BulkOptions;
  #waiting: Waiting[] = [];
  #cancelTimer?: () => void;
  /** What writes now, until nothing is due any more. */
  #writing?: Promise<void>;
  /** Whether all that waits is to be written, full or not. */
  #due = false;
  #buffered = 0;

  constructor(options: BulkOptions) {
    this.#options = options;
  }

  /** Records that wait or are being written. */
  get buffered(): number {
    return this.#buffered;
  }

  /** Takes a record in. Resolves once it is written; rejects with what became of it instead. */
  add(flight: Flight): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // It only waits: its ack wait is started anew meanwhile.
    flight.waits = true;
    this.#waiting.push({ flight, resolve, reject });
    this.#buffered++;
    if (this.#waiting.length >= this.#options.size) this.#write();
    else if (this.#cancelTimer === undefined) this.#startTimer();
    return promise;
  }

  /** Writes what waits without waiting for more. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    this.#due = true;
    this.#write();
  }

  #startTimer(): void {
    const { timers, timerMs } = this.#options;
    this.#cancelTimer = timers.after(timerMs, () => {
      this.#cancelTimer = undefined;
      this.flush();
    });
  }

  #write(): void {
    this.#writing ??= this.#writeAllDue().finally(() => this.#writing = undefined);
  }

  /** Never rejects. */
  async #writeAllDue(): Promise<void> {
    const { size } = this.#options;
    while (this.#waiting.length >= size || (this.#due && this.#waiting.length > 0)) {
      const bulk = this.#waiting.splice(0, size);
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
      await this.#writeOne(bulk);
      this.#buffered -= bulk.length;
      if (this.#waiting.length === 0) this.#due = false;
    }
    if (this.#waiting.length > 0 && this.#cancelTimer === undefined) this.#startTimer();
  }

  async #writeOne(bulk: readonly Waiting[]): Promise<void> {
    const { flush, outage, metrics, timers } = this.#options;
    const records = bulk.map(({ flight }) => flight.record!);
    for (;;) {
      const context = new FlushContext(this.#options, bulk);
      for (const { flight } of bulk) flight.waits = false;
      const started = timers.now();
      try {
        await flush(records, context);
      } catch (error) {
        for (const { flight } of bulk) flight.waits = true;
        const waited = await outlasts(error, outage);
        if (waited === "again") continue;
        for (const { flight } of bulk) flight.waits = false;
        const reason = waited === "stopped" ? heldBack(error) : error;
        for (const { reject } of bulk) reject(reason);
        return;
      }
      const each = (timers.now() - started) / bulk.length;
      bulk.forEach(({ resolve, reject }, index) => {
        metrics.processed(each);
        const failure = context.failures.get(index);
        if (failure === undefined) resolve();
        else reject(failure.error);
      });
      return;
    }
  }
}

class FlushContext extends ScopedContext implements BulkContext {
  readonly #options: BulkOptions;
  readonly #bulk: readonly Waiting[];
  readonly failures = new Map<number, { readonly error: unknown }>();

  constructor(options: BulkOptions, bulk: readonly Waiting[]) {
    super(options.scope);
    this.#options = options;
    this.#bulk = bulk;
  }

  of(index: number): Context {
    return this.#options.contextOf(this.#at(index).flight);
  }

  fail(index: number, error: unknown): void {
    this.#at(index);
    if (!this.failures.has(index)) this.failures.set(index, { error });
  }

  #at(index: number): Waiting {
    const waiting = this.#bulk[index];
    if (waiting !== undefined) return waiting;
    throw new RangeError(
      `Cannot find record ${index} of a bulk of ${this.#bulk.length}: they are counted from 0`,
    );
  }
}
