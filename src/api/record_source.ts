import type { RecordValue } from "../codec/codec.ts";
import type { Logger } from "../base/log.ts";
import type { Meta } from "../pipeline/plan/meta.ts";
import { isPending } from "../base/time/pending.ts";
import type { OpenContext } from "./context.ts";
import type { Outputs } from "./function.ts";
import type { TaskStore } from "./task_store.ts";

/** Records one after the other: an array, a generator, a stream, anything that `for await` takes. */
export type Records<R = object> = Iterable<R> | AsyncIterable<R>;

/** What a `raw-source` is given whenever it is asked for records. */
export interface GeneratorContext {
  /** Id of the flow. */
  readonly flow: string;
  /** Id of the task. */
  readonly task: string;
  /** Id of the run. */
  readonly run: string;
  /** Whether the flow ends by itself. */
  readonly batch: boolean;
  /** `meta` of the task. */
  readonly meta: Meta;
  /** Writes lines with the task's name. */
  readonly log: Logger;
  /** The store of the task. */
  readonly store: TaskStore;
  /** Aborted when the worker stops. */
  readonly signal: AbortSignal;
  /**
   * How many records came before the one that is asked for: 0 at the start of a run, more when a source goes on after a stop or an error. A source that
   * reads it before it gives its first record is taken to begin there; of any other the records that were sent before are asked for and skipped.
   */
  readonly position: number;
  /** A record with the defaults of the output's schema. @param sideOut Absent: the main output. */
  newRecord(sideOut?: string): RecordValue;
  /**
   * Sends a record to a side out at once, as `Context.toSideStream` does. It is named by the position and its place among what is sent there at that position, and
   * need not be awaited: no later position is noted before it is stored. Throws at the call if there is no such side out or the record does not fit its schema.
   */
  toSideStream(sideOut: string, record: unknown): Promise<void>;
}

/**
 * Called once if it returns an array or anything else that can be iterated: these are all the records. If it returns a record it is called again and
 * again, each time for one record or an array of some, until it returns undefined or null.
 */
export type GenerateFunction<R = object> = (
  ctx: GeneratorContext,
) => Records<R> | Outputs<R> | Promise<Records<R> | Outputs<R>>;

/** A source with more to say: it has either `generate` or `next`. */
export interface RecordSource<R = object> {
  /** Once, before the first record. An error ends the run or the worker. */
  open?(ctx: OpenContext): void | Promise<void>;
  /** Called once, and again after an error: gives all records. */
  generate?(ctx: GeneratorContext): Records<R> | Promise<Records<R>>;
  /** Called again and again: gives one record, an array of some (an empty one: none for now), or undefined or null when there are no more. */
  next?(ctx: GeneratorContext): Outputs<R> | Promise<Outputs<R>>;
  /** After the last record, and when the worker stops. */
  close?(): void | Promise<void>;
}

/** What the module of a `raw-source` exports by default. A class is made without arguments. */
export type SourceModule<R = object> =
  | Records<R>
  | GenerateFunction<R>
  | RecordSource<R>
  | (new () => RecordSource<R>);

/** Any `SourceModule`, in one form. */
export interface RecordFeed {
  open?(ctx: OpenContext): void | Promise<void>;
  /** Begins, or begins anew after an error. */
  begin(ctx: GeneratorContext): Cursor | Promise<Cursor>;
  close?(): void | Promise<void>;
}

export interface Cursor {
  /** What helps after an error: asking again, beginning anew, or nothing. */
  readonly afterError: "ask" | "begin" | "nothing";
  /** The next record, or `NONE_YET`. */
  next(): IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>>;
  /** Nobody will ask for more. */
  end(): unknown;
}

/** In place of a record: ask again a little later. */
export const NONE_YET = Symbol("none yet");

/** @throws {TypeError} saying what was found instead of a `SourceModule`. */
export function toRecordFeed(exported: unknown): RecordFeed {
  if (isRecords(exported)) {
    return { begin: () => cursorOver(exported, true) };
  }
  if (isSourceClass(exported)) return toRecordFeed(new exported());
  if (typeof exported === "function") {
    const generate = exported as GenerateFunction<unknown>;
    return { begin: (ctx) => settled(generate(ctx), (answer) => cursorOf(answer, generate, ctx)) };
  }
  if (typeof exported === "object" && exported !== null && !isPending(exported)) {
    return feedOf(exported as RecordSource<unknown>);
  }
  const forms = "export records, a function that makes them, or a class with generate() or next()";
  if (exported === undefined) throw new TypeError(`it has no default export; ${forms}`);
  const found = isPending(exported) ? "promise" : exported === null ? "null" : typeof exported;
  throw new TypeError(`its default export is a ${found}; ${forms}`);
}

function feedOf(source: RecordSource<unknown>): RecordFeed {
  const { generate, next } = source;
  const both = typeof generate === "function" && typeof next === "function";
  if (both || (typeof generate !== "function" && typeof next !== "function")) {
    const found = both ? "both generate() and next()" : "neither generate() nor next()";
    throw new TypeError(`its default export has ${found}; give it one of them`);
  }
  return {
    open: (ctx) => source.open?.(ctx),
    close: () => source.close?.(),
    begin(ctx) {
      if (source.next !== undefined) return new AskCursor(() => source.next!(ctx));
      return settled(source.generate!(ctx), (records) => {
        if (isRecords(records)) return cursorOver(records);
        throw new TypeError("generate() gave nothing to iterate; return an array or a generator");
      });
    },
  };
}

/** What a plain function meant, by its first answer. */
function cursorOf(
  answer: unknown,
  generate: GenerateFunction<unknown>,
  ctx: GeneratorContext,
): Cursor {
  if (isRecords(answer)) return cursorOver(answer);
  return new AskCursor(() => generate(ctx), { answer });
}

function cursorOver(records: Records<unknown>, exported = false): Cursor {
  const iterator = Symbol.asyncIterator in records
    ? records[Symbol.asyncIterator]()
    : records[Symbol.iterator]();
  return {
    // A generator that has failed says next time that it is done, as if there were no more records.
    afterError: exported && Object.is(iterator, records) ? "nothing" : "begin",
    next: () => iterator.next(),
    end: () => iterator.return?.(),
  };
}

/** Asks again and again. */
class AskCursor implements Cursor {
  readonly afterError = "ask";
  readonly #ask: () => unknown;
  #first?: { answer: unknown };
  #some: readonly unknown[] = [];
  #given = 0;

  constructor(ask: () => unknown, first?: { answer: unknown }) {
    this.#ask = ask;
    this.#first = first;
  }

  next(): IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>> {
    if (this.#given < this.#some.length) return { value: this.#some[this.#given++] };
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) return this.#take(first.answer);
    return settled(this.#ask(), (answer) => this.#take(answer));
  }

  end(): void {}

  #take(answer: unknown): IteratorResult<unknown> {
    if (answer === undefined || answer === null) return { done: true, value: undefined };
    if (!Array.isArray(answer)) return { value: answer };
    if (answer.length === 0) return { value: NONE_YET };
    this.#some = answer;
    this.#given = 1;
    return { value: answer[0] };
  }
}

function settled<T>(answer: unknown, then: (answer: unknown) => T): T | Promise<T> {
  return isPending(answer) ? Promise.resolve(answer).then(then) : then(answer);
}

function isRecords(value: unknown): value is Records<unknown> {
  if (typeof value !== "object" || value === null) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}

function isSourceClass(value: unknown): value is new () => unknown {
  if (typeof value !== "function") return false;
  // A generator function has a prototype with next(), inherited: only its own methods make a class.
  const own = (name: string) => Object.hasOwn(value.prototype ?? {}, name);
  return own("generate") || own("next") ||
    Function.prototype.toString.call(value).startsWith("class");
}
