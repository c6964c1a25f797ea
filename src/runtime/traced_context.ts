import type { Logger } from "../log.ts";
import { ScopedContext } from "./scoped_context.ts";
import type { TaskStore } from "./task_store.ts";
import { traceIdIn } from "./trace.ts";
import { TracedStore } from "./traced_store.ts";

/** The part of a context that is about one record: its log lines and its store name the trace that the record came with. */
export abstract class TracedContext extends ScopedContext {
  #log?: Logger;
  #store?: TaskStore;

  /** The same at each call. */
  abstract get traceparent(): string | undefined;

  override get log(): Logger {
    const { traceparent } = this;
    if (traceparent === undefined) return super.log;
    return this.#log ??= super.log.with({ trace: traceIdIn(traceparent) });
  }

  override get store(): TaskStore {
    const { traceparent } = this;
    if (traceparent === undefined) return super.store;
    return this.#store ??= new TracedStore(super.store, traceparent);
  }
}
