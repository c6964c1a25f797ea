import type { RecordValue } from "../codec/codec.ts";
import type { BulkContext, CloseContext, Context, OpenContext } from "./context.ts";

/** What a function may return: one record, several, none, or a promise of these. */
export type Outputs<O> = O | readonly O[] | undefined | null | void;

/**
 * A function that takes records and gives records (DESIGN.md 4). One call at a time unless `meta.concurrency` says otherwise.
 * A plain function `(record, ctx) => …` is one too.
 */
export interface ProcessFunction<I = RecordValue, O = unknown> {
  /** Once, before the first record. An error stops the worker. */
  open?(ctx: OpenContext): void | Promise<void>;
  /** For each record. What it returns is sent on; what it throws decides what becomes of the input. */
  process(record: I, ctx: Context): Outputs<O> | Promise<Outputs<O>>;
  /**
   * In bulk mode (product document, "Sending bulk data through Sinks") called instead of `process`, with the records of one bulk in the order they came. When it
   * has returned, all of them that were not told of by `ctx.fail` are durable and are acknowledged; when it throws, all of them have failed.
   */
  flush?(records: readonly I[], ctx: BulkContext): void | Promise<void>;
  /** At the end of the input and at shutdown. */
  close?(ctx: CloseContext): void | Promise<void>;
}

/**
 * Makes a `ProcessFunction` of what a module exports by default: a class, an object with `process`, or a plain function.
 * @throws {TypeError} saying what was found instead.
 */
export function toProcessFunction(exported: unknown): ProcessFunction {
  if (isClass(exported)) return toProcessFunction(new exported());
  if (typeof exported === "function") {
    return { process: exported as ProcessFunction["process"] };
  }
  if (typeof exported === "object" && exported !== null) {
    if (typeof Reflect.get(exported, "process") === "function") return exported as ProcessFunction;
    throw new TypeError('its default export has no method "process"');
  }
  throw new TypeError(
    exported === undefined
      ? "it has no default export; export a function, a class or an object with process()"
      : `its default export is a ${typeof exported}; export a function, a class or an object with process()`,
  );
}

function isClass(value: unknown): value is new () => unknown {
  if (typeof value !== "function") return false;
  return typeof value.prototype?.process === "function" ||
    Function.prototype.toString.call(value).startsWith("class");
}
