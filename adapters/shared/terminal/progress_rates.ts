import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";

/** Rates are those of the last seconds. */
const WINDOW_MS = 5000;

interface Sample {
  readonly at: number;
  readonly done: ReadonlyMap<TaskProgress, number>;
}

/** Records per second of each task over the last five seconds. */
export class ProgressRates {
  readonly #tasks: readonly TaskProgress[];
  #samples: Sample[] = [];

  constructor(tasks: readonly TaskProgress[], now = performance.now()) {
    this.#tasks = tasks;
    this.look(now);
  }

  /** To be called now and then. */
  look(now = performance.now()): void {
    const done = new Map(this.#tasks.map((task) => [task, doneBy(task)]));
    this.#samples.push({ at: now, done });
    // One from before the window stays, to count from.
    const from = this.#samples.findLastIndex(({ at }) => now - at >= WINDOW_MS);
    if (from > 0) this.#samples = this.#samples.slice(from);
  }

  of(task: TaskProgress): number {
    const first = this.#samples[0]!;
    const last = this.#samples.at(-1)!;
    const seconds = (last.at - first.at) / 1000;
    return seconds > 0 ? (last.done.get(task)! - first.done.get(task)!) / seconds : 0;
  }
}

/** Of a source those emitted, of others those done with. */
function doneBy({ counts }: TaskProgress): number {
  return counts.in === 0 ? counts.out : counts.acked;
}
