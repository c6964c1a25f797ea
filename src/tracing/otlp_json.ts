import type { Span } from "./spans.ts";

/** Numbers of the protocol (opentelemetry-proto, trace.proto, `SpanKind` and `StatusCode`). */
const KINDS = { server: 2, producer: 4, consumer: 5 } as const;
const ERROR = 2;

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** Who sends. */
export interface Sender {
  readonly resource: Attributes;
  readonly version: string;
}

/** The body of one request (OTLP/HTTP, "JSON Protobuf Encoding"): ids in hexadecimal digits, 64-bit numbers as text. */
export function otlpJson(spans: readonly Span[], { resource, version }: Sender): string {
  return JSON.stringify({
    resourceSpans: [{
      resource: { attributes: keyValues(resource) },
      scopeSpans: [{ scope: { name: "kflow", version }, spans: spans.map(oneSpan) }],
    }],
  });
}

function oneSpan(span: Span): unknown {
  const { traceId, spanId, parentId, state, name, kind, startMs, endMs, attributes, error } = span;
  return {
    traceId,
    spanId,
    ...(parentId !== undefined && { parentSpanId: parentId }),
    ...(state !== undefined && { traceState: state }),
    name,
    kind: KINDS[kind],
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(Math.max(startMs, endMs)),
    attributes: keyValues(attributes),
    ...(error !== undefined && { status: { code: ERROR, message: error } }),
  };
}

/** Clocks say no more than microseconds, and these fit a number. */
function nanoseconds(milliseconds: number): string {
  return `${Math.round(milliseconds * 1000)}000`;
}

function keyValues(attributes: Attributes): unknown[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: string | number | boolean): unknown {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
