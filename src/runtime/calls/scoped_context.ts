import type { Logger } from "../../base/log.ts";
import type { Meta } from "../../pipeline/plan/meta.ts";
import type { TaskStore } from "../../api/task_store.ts";

/** What all contexts of one worker have in common. */
export interface ContextScope {
  readonly flow: string;
  readonly task: string;
  readonly meta: Meta;
  readonly log: Logger;
  readonly store: TaskStore;
  /** Aborted when the grace of a stop is over. */
  readonly signal: AbortSignal;
}

/** The part of a context that says where it is. */
export class ScopedContext implements ContextScope {
  readonly #scope: ContextScope;

  constructor(scope: ContextScope) {
    this.#scope = scope;
  }

  get flow(): string {
    return this.#scope.flow;
  }
  get task(): string {
    return this.#scope.task;
  }
  get meta(): Meta {
    return this.#scope.meta;
  }
  get log(): Logger {
    return this.#scope.log;
  }
  get store(): TaskStore {
    return this.#scope.store;
  }
  get signal(): AbortSignal {
    return this.#scope.signal;
  }
}
