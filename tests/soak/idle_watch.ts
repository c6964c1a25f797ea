import type { NumberedFlow, NumberedTask } from "../faults/numbered_flow.ts";
import type { Storm } from "./storm.ts";

const LOOK_EVERY_MS = 250;
const TASKS: readonly NumberedTask[] = ["first", "second", "store"];

/** For how long a task's workers have stood idle with work waiting, while nothing was wrong. */
export class IdleWatch {
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #moved = new Map<NumberedTask, { delivered: number; at: number }>();
  #looking = false;
  /** The longest, ms. */
  longestMs = 0;
  where = "";

  constructor(flow: NumberedFlow, storm: Storm) {
    this.#timer = setInterval(() => {
      if (this.#looking) return;
      this.#looking = true;
      void this.#look(flow, storm).finally(() => this.#looking = false);
    }, LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(flow: NumberedFlow, storm: Storm): Promise<void> {
    for (const task of TASKS) {
      const began = performance.now();
      let standing;
      try {
        standing = await flow.standing(task);
      } catch {
        continue;
      }
      const now = performance.now();
      const last = this.#moved.get(task);
      const { delivered, waiting } = standing;
      if (last === undefined || waiting === 0 || delivered !== last.delivered) {
        this.#moved.set(task, { delivered, at: now });
        continue;
      }
      const idle = now - Math.max(last.at, storm.calmSince);
      // A look that took long says more about the machine than about the workers.
      if (storm.now !== undefined || now - began > 1_000 || idle <= this.longestMs) continue;
      this.longestMs = idle;
      this.where = `${task}, ${waiting} waiting`;
    }
  }
}
