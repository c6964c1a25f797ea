import { classOf, reasonOf } from "../../base/errors.ts";
import type { Span, Spans } from "../../tracing/spans.ts";
import type { Flight } from "./flight.ts";
import { Trace } from "./trace.ts";

/** Reasons may hold a record: a span has its beginning. */
const LONGEST_REASON = 1000;

/** A record that a source has sent off. */
export interface EmittedRecord {
  readonly trace: Trace;
  /** Message id. */
  readonly id: string;
  readonly bytes: number;
  /** `performance.now()`. */
  readonly startedAt: number;
  /** Why not every edge has it. */
  readonly error?: Error | undefined;
}

/** The steps of traces that the workers of one task make. Attributes are OpenTelemetry's for messaging, and ours. */
export class TaskSpans {
  readonly #spans: Spans;
  readonly #task: string;
  readonly #ours: Span["attributes"];

  private constructor(spans: Spans, { flow, task }: { flow: string; task: string }) {
    this.#spans = spans;
    this.#task = task;
    this.#ours = { "kflow.flow": flow, "kflow.task": task };
  }

  /** None where nobody takes spans. */
  static of(
    spans: Spans | undefined,
    place: { flow: string; task: string },
  ): TaskSpans | undefined {
    return spans && new TaskSpans(spans, place);
  }

  /** A trace that begins here; undefined if it is not to be sampled. */
  start(): Trace | undefined {
    return Trace.start(this.#spans);
  }

  /** One attempt at a delivery is over and its input settled. @param failure Why it is not done. */
  processed({ trace, delivery, startedAt }: Flight, failure?: { error: unknown }): void {
    if (trace?.isSampled !== true) return;
    this.#end("process", trace, {
      kind: "consumer",
      startedAt,
      attributes: {
        "messaging.destination.name": delivery.subject,
        "messaging.message.id": delivery.id,
        "messaging.message.body.size": delivery.body.length,
        "kflow.attempt": delivery.attempt,
      },
      failure,
    });
  }

  emitted({ trace, id, bytes, startedAt, error }: EmittedRecord): void {
    this.#end("send", trace, {
      kind: "producer",
      startedAt,
      attributes: { "messaging.message.id": id, "messaging.message.body.size": bytes },
      failure: error && { error },
    });
  }

  #end(
    operation: "process" | "send",
    { id, spanId, parentId, state }: Trace,
    step: Pick<Span, "kind" | "attributes"> & {
      startedAt: number;
      failure?: { error: unknown } | undefined;
    },
  ): void {
    const { kind, attributes, startedAt, failure } = step;
    this.#spans.ended({
      traceId: id,
      spanId,
      parentId,
      state,
      name: `${operation} ${this.#task}`,
      kind,
      startMs: performance.timeOrigin + startedAt,
      endMs: performance.timeOrigin + performance.now(),
      attributes: {
        "messaging.system": "kflow",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        ...this.#ours,
        ...attributes,
        ...(failure !== undefined && { "error.type": classOf(failure.error) }),
      },
      ...(failure !== undefined && { error: reasonOf(failure.error).slice(0, LONGEST_REASON) }),
    });
  }
}
