import type { ServerResponse } from "node:http";
import { type FaultRequest, startFaultServer } from "./fault_server.ts";

/** A span as OTLP's JSON has it. */
export interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly status?: { readonly code: number; readonly message: string };
}

export interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

export interface SpanCollector {
  readonly endpoint: string;
  readonly requests: readonly FaultRequest[];
  /** Of all requests, in order. */
  spans(): SentSpan[];
  stop(): Promise<void>;
}

/** What takes spans in, well or badly. */
export async function startSpanCollector(
  answer: (request: FaultRequest, response: ServerResponse) => void = (_request, response) =>
    response.end("{}"),
): Promise<SpanCollector> {
  const { endpoint, requests, stop } = await startFaultServer(answer);
  return {
    endpoint,
    requests,
    spans: () => requests.flatMap(spansIn),
    stop,
  };
}

export function spansIn({ body }: Pick<FaultRequest, "body">): SentSpan[] {
  return JSON.parse(new TextDecoder().decode(body)).resourceSpans[0].scopeSpans[0].spans;
}

/** An attribute of a span by its key. */
export function attributeOf({ attributes }: SentSpan, key: string): unknown {
  const found = attributes.find((each) => each.key === key);
  return found && Object.values(found.value)[0];
}
