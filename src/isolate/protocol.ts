import type { DeliveryInfo } from "../api/context.ts";
import type { TaskPlan } from "../pipeline/plan/plan.ts";
import type { WireError } from "./wire_error.ts";

/** First question to a Worker: `load`. Its answer is `Loaded`. */
export interface LoadRequest {
  /** Absolute path of the module. */
  readonly path: string;
  readonly task: Pick<TaskPlan, "id" | "kind" | "outputs">;
  readonly meta: readonly (readonly [key: string, value: unknown])[];
  /** Whether the file says that the function acknowledges by itself. */
  readonly manual: boolean;
}

export interface Loaded {
  /** Whether the function has `flush(records, ctx)`. */
  readonly flushes: boolean;
  /** Whether the module says that it acknowledges by itself. */
  readonly manualAck: boolean;
}

/** Second question: `open`. Its answer is the schema of the main output. */
export interface OpenRequest {
  readonly flow: string;
  readonly schemaIn: Readonly<Record<string, unknown>>;
  readonly schemaOut: unknown;
  readonly storeAddress: string;
}

/** A record goes as its message, which is what `recordAsAvro()` gives, and is decoded where it is used. */
export interface WireRecord {
  /** Number of a schema that was told of before: `schema`. */
  readonly schema: number;
  readonly body: Uint8Array;
  readonly delivery: DeliveryInfo;
  readonly traceparent: string | undefined;
  readonly localPath: string | undefined;
}

/** The context that a question is asked of: that of a call, or of one record of a bulk. */
export interface ContextId {
  readonly call: number;
  readonly index: number;
}

/** The question `process`; its answer is what the function returned. */
export interface ProcessRequest {
  readonly call: number;
  readonly record: WireRecord;
}

/** The question `flush`; its answer is a list of failures. */
export interface FlushRequest {
  readonly call: number;
  readonly records: readonly WireRecord[];
}
export type FlushFailure = readonly [index: number, error: WireError];
