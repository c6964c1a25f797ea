import type { RecordSchema, RecordValue } from "../codec/codec.ts";
import type { Logger } from "../base/log.ts";
import type { Meta } from "../pipeline/plan/meta.ts";
import type { OpenContext } from "./context.ts";

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
  /**
   * Publishes to a side out at once; resolves when its consumers' queues hold the record, which `flush` waits for too. Throws at the call if there is no such side
   * out or the record does not fit. @param id As in `EmitOptions`.
   */
  emitSide(sideOut: string, record: unknown, id: string): Promise<void>;
  /** A record with the defaults of an output's schema. @param sideOut Absent: the main output. */
  newRecord(sideOut?: string): RecordValue;
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
