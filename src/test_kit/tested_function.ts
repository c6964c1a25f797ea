import { isPending } from "../base/time/pending.ts";
import type { ProcessFunction } from "../api/function.ts";

/** Stands for the output schema of a function that has none: nothing is ever encoded with it. */
const NO_OUTPUT = { type: "record", name: "none", fields: [] };

/** The function under test as the runtime sees it: the same, and it shows which of its calls are under way and which schema it declared. */
export class TestedFunction {
  /** Calls of `process` and `flush` that have not returned. */
  readonly calls = new Set<object>();
  readonly process: ProcessFunction;
  #schemaOut: unknown;

  constructor(inner: ProcessFunction) {
    this.process = {
      open: async (ctx) => {
        await inner.open?.(ctx);
        this.#schemaOut = ctx.schemaOut;
        // Known now: it returns nothing, or what it returns has no schema.
        ctx.schemaOut ??= NO_OUTPUT;
      },
      process: (record, ctx) => this.#track(() => this.#checked(inner.process(record, ctx))),
      ...(inner.flush && {
        flush: (records, ctx) => this.#track(() => inner.flush!(records, ctx)),
      }),
      ...(inner.close && { close: (ctx) => inner.close!(ctx) }),
    };
  }

  /** Of the main output, once it is open; undefined if there is none. */
  get schemaOut(): unknown {
    return this.#schemaOut;
  }

  #track<T>(call: () => T): T {
    const token = {};
    this.calls.add(token);
    let answer: T;
    try {
      answer = call();
    } catch (error) {
      this.calls.delete(token);
      throw error;
    }
    if (!isPending(answer)) {
      this.calls.delete(token);
      return answer;
    }
    return Promise.resolve(answer).finally(() => this.calls.delete(token)) as T;
  }

  #checked(answer: unknown): unknown {
    if (this.#schemaOut !== undefined) return answer;
    return isPending(answer)
      ? Promise.resolve(answer).then((returned) => mustBeNothing(returned))
      : mustBeNothing(answer);
  }
}

function mustBeNothing(returned: unknown): unknown {
  if (returned === undefined || returned === null) return returned;
  if (Array.isArray(returned) && returned.length === 0) return returned;
  throw new TypeError(
    "Cannot take the record that the function returned: there is no schema for it; give schemaOut, or set it in open()",
  );
}
