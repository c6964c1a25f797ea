import type { Consumer } from "../../broker/broker.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { TaskMetrics } from "../../metrics/metrics.ts";
import { REAL_TIMERS, type Timers } from "../../base/time/timers.ts";
import type { StallWatch } from "./stall_watch.ts";

/** One worker of the task. */
export interface Watched {
  readonly consumer: Pick<Consumer, "slots" | "state" | "oldestAgeMs">;
  /** `inFlight`: deliveries taken and not settled; `held`: those of them that wait for `requestAck()`; `alone`: one that has the worker to itself. */
  readonly worker: { readonly inFlight: number; readonly held: number; readonly alone?: unknown };
  /** Present in bulk mode. */
  readonly bulk?: { readonly buffered: number };
  readonly stall?: Pick<StallWatch, "look" | "isStalled">;
}

export interface QueueGaugesOptions {
  metrics: Pick<TaskMetrics, "set">;
  log: Logger;
  /** Aborted when the process stops. */
  stop: AbortSignal;
  /** @default 5000 */
  everyMs?: number;
  /** @default the real ones */
  timers?: Timers;
}

/** The gauges of one task. The broker is asked now and then, once for all workers, and not again before it has answered. */
export class QueueGauges {
  readonly #options: QueueGaugesOptions;
  readonly #watched = new Set<Watched>();
  #endTimer?: () => void;
  #asking?: Promise<void>;

  constructor(options: QueueGaugesOptions) {
    this.#options = options;
    const { metrics } = options;
    metrics.set("inFlight", () => this.#sum(({ worker }) => worker.inFlight));
    metrics.set("bulkBuffered", () => this.#sum(({ bulk }) => bulk?.buffered ?? 0));
    metrics.set("held", () => this.#sum(({ worker }) => worker.held));
    metrics.set("stalled", () => this.#sum(({ stall }) => stall?.isStalled ? 1 : 0));
    metrics.set("alone", () => this.#sum(({ worker }) => worker.alone === undefined ? 0 : 1));
    metrics.set("slots", () => this.#sum(({ consumer }) => consumer.slots));
  }

  /** Counts a worker in, from now until the returned function is called. */
  watch(watched: Watched): () => Promise<void> {
    this.#watched.add(watched);
    const { everyMs = 5000, timers = REAL_TIMERS } = this.#options;
    this.#endTimer ??= timers.every(everyMs, () => this.#refresh());
    this.#refresh();
    return () => this.#unwatch(watched);
  }

  async #unwatch(watched: Watched): Promise<void> {
    if (this.#watched.size === 1 && this.#watched.has(watched)) {
      this.#endTimer?.();
      this.#endTimer = undefined;
      if (!this.#options.stop.aborted) {
        // What a scrape after the task's end sees. A stop has no time to wait for a broker that may be away.
        await this.#asking;
        await this.#ask(watched);
      }
    }
    this.#watched.delete(watched);
  }

  #refresh(): void {
    const [first] = this.#watched;
    if (first === undefined || this.#asking !== undefined) return;
    this.#asking = this.#ask(first).finally(() => this.#asking = undefined);
  }

  #sum(of: (watched: Watched) => number): number {
    return [...this.#watched].reduce((sum, watched) => sum + of(watched), 0);
  }

  /** Never rejects. */
  async #ask({ consumer }: Watched): Promise<void> {
    const { metrics, log } = this.#options;
    try {
      const [state, ageMs] = await Promise.all([consumer.state(), consumer.oldestAgeMs()]);
      metrics.set("pending", state.pending);
      metrics.set("ackPending", state.ackPending);
      metrics.set("oldestWaiting", ageMs / 1000);
      for (const { stall } of this.#watched) stall?.look(state);
    } catch (error) {
      for (const { stall } of this.#watched) stall?.look(undefined);
      log.debug("Cannot ask how the queue stands", { reason: reasonOf(error) });
    }
  }
}
