import type { JsonForm, RecordValue } from "../codec/codec.ts";
import type { Logger } from "../base/log.ts";
import type { Meta } from "../pipeline/plan/meta.ts";
import type { TaskStore } from "./task_store.ts";

/** What `open` is given, once per worker, before the first record. */
export interface OpenContext {
  /** Id of the flow. */
  readonly flow: string;
  /** Id of the task. */
  readonly task: string;
  /** `meta` of the task, read with `getInteger`, `getString`, … */
  readonly meta: Meta;
  /** Writes lines with the task's name. */
  readonly log: Logger;
  /** Schema of the main output, from the pipeline file. Set it to declare the function's own, which wins. */
  schemaOut: unknown;
  /** Schemas of the records that arrive, by producer (`task` or `task.sideOut`), as far as the pipeline file declares them. */
  readonly schemaIn: Readonly<Record<string, unknown>>;
  /** The store of the task. */
  readonly store: TaskStore;
  /** Aborted when the worker stops. */
  readonly signal: AbortSignal;
}

/** What `process` is given with each record. */
export interface Context {
  /** Id of the flow. */
  readonly flow: string;
  /** Id of the task. */
  readonly task: string;
  /** `meta` of the task. */
  readonly meta: Meta;
  /** Writes lines with the task's name, and the trace id if the record came with one. */
  readonly log: Logger;
  /** The store of the task. */
  readonly store: TaskStore;
  /** Aborted when the worker stops and its grace is over. */
  readonly signal: AbortSignal;
  /** How the record came. */
  readonly delivery: DeliveryInfo;
  /** `traceparent` of this step (W3C Trace Context), for calls of other services: of the trace that the record belongs to; undefined if to none. */
  readonly traceparent: string | undefined;
  /** Where the object that the record names was downloaded to (`autoDownload: true`); removed once the record is acknowledged. */
  readonly localPath: string | undefined;
  /** The object that the record names by `bucket` and `key`: from the local file if it was downloaded, else from the store. */
  object(): Promise<ReadableStream<Uint8Array>>;
  /**
   * The record as one JSON value, after the schema it was written with: bytes as text of one character a byte, longs beyond 2^53 as text, values
   * of a union as `{"branch name": value}` where they would be read as another branch's without it.
   */
  recordAsJson(form?: JsonForm): unknown;
  /** The record as it came: bare Avro, and the schema it was written with as JSON text. The bytes are not to be changed. */
  recordAsAvro(): { readonly schema: string; readonly body: Uint8Array };
  /** A record with the defaults of the output's schema. @param sideOut Absent: the main output. */
  newRecord(sideOut?: string): RecordValue;
  /**
   * Sends a record to a side out at once (product document, "Generic Sidestream"). Need not be awaited: the input is acknowledged only after
   * the record is stored. Throws at the call if there is no such side out or the record does not fit its schema.
   */
  toSideStream(sideOut: string, record: unknown): Promise<void>;
  /**
   * With manual acknowledgement (product document, "Manual acknowledgement"): everything held so far, this input included once its call has returned,
   * is sent on, and then acknowledged. A call that fails takes its request back. Without manual acknowledgement it throws `TypeError`.
   */
  requestAck(): void;
  /** Removes downloaded files that are not needed any more: with manual acknowledgement they stay until then. A path that was not downloaded by this worker throws `RangeError`. */
  flush(...paths: string[]): Promise<void>;
}

/** What `close` is given. */
export interface CloseContext {
  /** Id of the flow. */
  readonly flow: string;
  /** Id of the task. */
  readonly task: string;
  /** Writes lines with the task's name. */
  readonly log: Logger;
  /** As in `Context`: everything still held is sent on and acknowledged. */
  requestAck(): void;
  /** As in `Context`. */
  flush(...paths: string[]): Promise<void>;
}

/** What `flush` is given with the records of one bulk. */
export interface BulkContext {
  /** Id of the flow. */
  readonly flow: string;
  /** Id of the task. */
  readonly task: string;
  /** `meta` of the task. */
  readonly meta: Meta;
  /** Writes lines with the task's name. */
  readonly log: Logger;
  /** The store of the task. */
  readonly store: TaskStore;
  /** Aborted when the worker stops and its grace is over. */
  readonly signal: AbortSignal;
  /** The context of the record at an index: its `delivery`, `localPath`, `recordAsJson()`. */
  of(index: number): Context;
  /** This record failed and the others did not: it alone is tried again, or given up if the error is an `AckError`. The first error of a record counts. */
  fail(index: number, error: unknown): void;
}

/** One handing-over of a record to a function. */
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
