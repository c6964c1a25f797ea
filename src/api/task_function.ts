import type { Broker } from "../broker/broker.ts";
import type { RecordValue } from "../codec/codec.ts";
import type { ProcessFunction } from "./function.ts";
import type { SourceFunction } from "./source_function.ts";

/** A source that reads a topic: a subject that others write to. */
export interface TopicFunction {
  readonly kind: "topic";
  /** Where the topic is; absent: on the pipeline's own broker. */
  readonly broker?: Broker;
  readonly topic: string;
  /** What messages are that do not name their schema. */
  readonly format: "avro" | "json";
  /** Called with each record; gives it back when it is its turn, or when `stop` is aborted. */
  pass(record: RecordValue, stop: AbortSignal): RecordValue | Promise<RecordValue>;
}

/** What a task runs: made anew for each worker. */
export type TaskFunction =
  | TopicFunction
  | { readonly kind: "source"; readonly source: SourceFunction }
  | {
    readonly kind: "process";
    readonly process: ProcessFunction;
    /** Calls at once where `meta.concurrency` does not say. @default 1 */
    readonly concurrency?: number;
    /** Whether the function acknowledges by itself, whatever `meta.ack.manual` says. @default false */
    readonly manualAck?: boolean;
    /** Called last of all, however the worker came to its end. */
    release?(): void;
  };
