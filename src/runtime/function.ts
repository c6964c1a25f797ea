import type { RecordSchema, RecordValue } from "../codec/codec.ts";
import type { Logger } from "../log.ts";
import type { Meta } from "../pipeline/meta.ts";
import type { Store } from "../store/store.ts";

/** What a function may return: one record, several, none, or a promise of these. */
export type Outputs<O> = O | readonly O[] | undefined | null | void;

/** What `open` is given, once per worker, before the first record. */
export interface OpenContext {
  readonly flow: string;
  readonly task: string;
  /** `meta` of the task, read with `getInteger`, `getString`, … */
  readonly meta: Meta;
  readonly log: Logger;
  /** Schema of the main output, from the pipeline file. Set it to declare the function's own, which wins. */
  schemaOut: unknown;
  /** Schemas of the records that arrive, by producer (`task` or `task.sideOut`), as far as the pipeline file declares them. */
  readonly schemaIn: Readonly<Record<string, unknown>>;
  /** The store of the task. */
  readonly store: Store;
  /** Aborted when the worker stops. */
  readonly signal: AbortSignal;
}

/** What `process` is given with each record. */
export interface Context {
  readonly flow: string;
  readonly task: string;
  readonly meta: Meta;
  readonly log: Logger;
  readonly store: Store;
  /** Aborted when the worker stops and its grace is over. */
  readonly signal: AbortSignal;
  readonly delivery: DeliveryInfo;
  /** Where the object that the record names was downloaded to (`autoDownload: true`); removed once the record is acknowledged. */
  readonly localPath: string | undefined;
  /** The object that the record names by `bucket` and `key`: from the local file if it was downloaded, else from the store. */
  object(): Promise<ReadableStream<Uint8Array>>;
  /** The record as one JSON value, after the schema it was written with: bytes as text of one character a byte, longs beyond 2^53 as text. */
  recordAsJson(): unknown;
  /** A record with the defaults of the output's schema. @param sideOut Absent: the main output. */
  newRecord(sideOut?: string): RecordValue;
  /**
   * Sends a record to a side out at once (product document, "Generic Sidestream"). Need not be awaited: the input is acknowledged only after
   * the record is stored. Throws at the call if there is no such side out or the record does not fit its schema.
   */
  toSideStream(sideOut: string, record: unknown): Promise<void>;
}

export interface DeliveryInfo {
  /** Id of the message: the same whenever the same work arrives again, so a sink can name what it writes after it. */
  readonly id: string;
  /** Position in the task's input stream. */
  readonly sequence: number;
  /** 1 the first time. */
  readonly attempt: number;
  /** When the input was stored. */
  readonly timestamp: Date;
}

/**
 * A function that takes records and gives records (DESIGN.md 4). One call at a time unless `meta.concurrency` says otherwise.
 * A plain function `(record, ctx) => …` is one too.
 */
export interface ProcessFunction<I = RecordValue, O = unknown> {
  /** Once, before the first record. An error stops the worker. */
  open?(ctx: OpenContext): void | Promise<void>;
  process(record: I, ctx: Context): Outputs<O> | Promise<Outputs<O>>;
  /** At the end of the input and at shutdown. */
  close?(): void | Promise<void>;
}

/** A function that makes records from the outside. */
export interface SourceFunction {
  /** Once, before `run`: whether what the source reads is there. An error stops the worker. */
  open?(ctx: OpenContext): Promise<void>;
  /** Resolves when there is no more to emit, or soon after `ctx.signal` is aborted. */
  run(ctx: SourceContext): Promise<void>;
  /** After the batch has noted that the source is finished: what it remembers of the run may go. */
  finished?(): Promise<void>;
  /** After the last record was worked off or the worker stops: time to remember what is done. */
  close?(): Promise<void>;
}

export interface SourceContext {
  readonly flow: string;
  readonly task: string;
  /** The run this is part of. */
  readonly run: string;
  readonly batch: boolean;
  readonly meta: Meta;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Whether an emitted record, once confirmed, outlives the process. If not, give an origin. */
  readonly durable: boolean;
  readonly schema: RecordSchema;
  /** Publishes to every consumer. Waits while the edges are full. Throws at the call if the record does not fit the schema. False if it was stopped before. */
  emit(record: RecordValue, options: EmitOptions): Promise<boolean>;
  /** Resolves when everything emitted before is confirmed; rejects if something could not be stored. */
  flush(): Promise<void>;
  /** The source's own memory in the flow's state: entries under its task. */
  readonly memory: SourceMemory;
}

export interface EmitOptions {
  /** Names the record for good: the same id is stored once within the duplicate window. */
  id: string;
  /** Called once all that came of the record is settled; `ok` is false if any of it became a dead letter. Brokers that are not durable only. */
  settled?: (ok: boolean) => void;
}

/** Text kept under names that are tokens, for one source of one flow. */
export interface SourceMemory {
  names(): Promise<string[]>;
  get(name: string): Promise<string | undefined>;
  put(name: string, value: string): Promise<void>;
  delete(name: string): Promise<void>;
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
