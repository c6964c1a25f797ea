import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import type { Logger } from "../../base/log.ts";
import type { Timers } from "../../base/time/timers.ts";
import type { TaskFunction } from "../../api/task_function.ts";
import { waitForCode } from "./wait_for_code.ts";

/** What a worker or a source is started with, as far as it matters here. */
interface Start {
  functionOf(task: TaskPlan): Promise<TaskFunction | undefined>;
  readonly log: Logger;
  readonly stop: AbortSignal;
  readonly timers?: Timers;
}

/** Lets the sources of a process begin when all of its other functions are made, so that a mistake in a module is found before there is a record. */
export class CodeFirst<Shared extends Start> {
  readonly #shared: Shared;
  readonly #made: Promise<void>[] = [];

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  /** What a worker is started with. */
  ofWorker<T>(start: (shared: Shared) => Promise<T>): Promise<T> {
    const made = Promise.withResolvers<void>();
    this.#made.push(made.promise);
    const work = start({
      ...this.#shared,
      functionOf: async (task: TaskPlan) => {
        const found = await this.#load(task);
        made.resolve();
        return found;
      },
    });
    // A worker whose task is finished makes none; one that fails has stopped the sources by then.
    void work.finally(() => made.resolve());
    return work;
  }

  /** What a source is started with. */
  ofSource(): Shared {
    return {
      ...this.#shared,
      functionOf: async (task: TaskPlan) => {
        const found = await this.#load(task);
        // By now every worker was started, and with it counted.
        await Promise.all(this.#made);
        return found;
      },
    };
  }

  #load(task: TaskPlan): Promise<TaskFunction | undefined> {
    const { stop, timers } = this.#shared;
    const log = this.#shared.log.with({ task: task.id });
    const message = "Still waiting for the module of the task: its top-level code has not ended";
    return waitForCode(this.#shared.functionOf(task), { log, message, stop, timers });
  }
}
