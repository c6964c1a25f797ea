import type { Logger } from "../../base/log.ts";
import { REAL_TIMERS, type Timers } from "../../base/time/timers.ts";
import type { TaskProgress } from "../progress/task_progress.ts";

/** One task is warned of this seldom at most. */
const WARN_EVERY_MS = 60_000;
/** Looks in a third of the ack wait: how long the thread was held is known to a tenth of that. */
const LOOKS = 10;
const SHORTEST_LOOK_MS = 20;

export interface Watched {
  readonly task: string;
  readonly ackWaitMs: number;
  readonly log: Logger;
  readonly progress: TaskProgress;
}

/**
 * Tells of functions that held the thread so long that a heartbeat was missed, that is for a third of the ack wait. All workers of a process share its thread, so
 * that each of them sees it when the thread was held; who did it is known for what a call did at once, and taken from who had calls under way for what
 * it did later.
 */
export class BlockWatch {
  readonly #timers: Timers;
  readonly #warnedAt = new Map<string, number>();
  /** Until when a block is known of whose call it was. */
  #knownUntil = -Infinity;

  constructor(timers: Timers = REAL_TIMERS) {
    this.#timers = timers;
  }

  /** A call of the task held the thread until now. */
  tell({ task, log, progress }: Watched, milliseconds: number): void {
    const now = this.#knownUntil = this.#timers.now();
    progress.add("blocked");
    if (now - (this.#warnedAt.get(task) ?? -Infinity) < WARN_EVERY_MS) return;
    this.#warnedAt.set(task, now);
    log.warning(
      `The function of task "${task}" held the thread for ${
        Math.round(milliseconds)
      } ms, so that heartbeats were missed: set meta.isolate to true, or have it wait for something now and then`,
    );
  }

  /** Looks again and again. Returns what ends that. */
  watch(watched: Watched, worker: { readonly isCalling: boolean }): () => void {
    const { ackWaitMs, progress } = watched;
    const limitMs = ackWaitMs / 3;
    const everyMs = Math.max(SHORTEST_LOOK_MS, limitMs / LOOKS);
    let lookedAt = this.#timers.now();
    let wasCalling = false;
    let begun = progress.counts.in;
    return this.#timers.every(everyMs, () => {
      const now = this.#timers.now();
      const heldMs = now - lookedAt - everyMs;
      const isKnown = this.#knownUntil >= lookedAt;
      const called = wasCalling || worker.isCalling || progress.counts.in > begun;
      lookedAt = now;
      wasCalling = worker.isCalling;
      begun = progress.counts.in;
      if (heldMs > limitMs && called && !isKnown) this.tell(watched, heldMs);
    });
  }
}
