import type { Logger } from "../../base/log.ts";
import type { ContextScope } from "./scoped_context.ts";
import type { TaskStore } from "../../api/task_store.ts";
import { traceIdIn } from "../records/trace.ts";
import { TracedStore } from "./traced_store.ts";

/** What a call for a record that came with a trace has instead of its worker's: a log whose lines, and a store whose requests name the trace. The same at each call. */
export class TracedScope {
  readonly #scope: Pick<ContextScope, "log" | "store">;
  readonly #traceparent: string;
  #log?: Logger;
  #store?: TaskStore;

  constructor(scope: Pick<ContextScope, "log" | "store">, traceparent: string) {
    this.#scope = scope;
    this.#traceparent = traceparent;
  }

  get log(): Logger {
    return this.#log ??= this.#scope.log.with({ trace: traceIdIn(this.#traceparent) });
  }

  get store(): TaskStore {
    return this.#store ??= new TracedStore(this.#scope.store, this.#traceparent);
  }
}
