import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Context } from "../../../mod.ts";
import { ask, Handlers, post } from "../../support/in_process/handlers.ts";
import {
  attributeOf,
  type SentSpan,
  type SpanCollector,
  startSpanCollector,
} from "../../support/servers/span_collector.ts";

const NUMBER = { type: "record", name: "number", fields: [{ name: "value", type: "long" }] };
const ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const BEFORE = "00f067aa0ba902b7";
const pipeline = {
  dag: [
    { id: "from", type: "raw-source", schema: NUMBER, out: ["double"] },
    { id: "double", type: "raw", schema: NUMBER, out: ["show"] },
    { id: "show", type: "print" },
  ],
};

describe("the trace of POST /tasks/:id", () => {
  let handlers: Handlers;
  let collector: SpanCollector;
  beforeEach(async () => {
    handlers = new Handlers();
    collector = await startSpanCollector();
  });
  afterEach(async () => {
    await handlers.closeAll();
    await collector.stop();
  });

  /** Answers of the handler, and the spans that it has sent when it is closed. */
  async function call(
    values: readonly number[],
    headers?: Record<string, string>,
  ): Promise<{ status: number; seen: (string | undefined)[]; spans: SentSpan[] }> {
    const seen: (string | undefined)[] = [];
    const handler = handlers.make({
      pipeline,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint },
      functions: {
        double({ value }: { value: number }, ctx: Context) {
          seen.push(ctx.traceparent);
          if (value === 13) throw new RangeError("unlucky");
          return { value: value * 2 };
        },
      },
    });
    const json = values.map((value) => ({ value }));
    const { status } = await ask(handler, post("/tasks/double", { json, headers }));
    await handlers.closeAll();
    return { status, seen, spans: collector.spans() };
  }

  it("continues in a span of the call, with a child for each record", async () => {
    const { spans, seen } = await call([1, 2], { traceparent: `00-${ID}-${BEFORE}-01` });
    assert.deepEqual(spans.map(({ name }) => name).sort(), [
      "POST /tasks/:id",
      "process double",
      "process double",
    ]);
    const server = spans.find(({ name }) => name === "POST /tasks/:id")!;
    const records = spans.filter((span) => span !== server);
    assert.equal(server.kind, 2);
    assert.equal(server.parentSpanId, BEFORE);
    assert.equal(attributeOf(server, "http.response.status_code"), "200");
    assert.equal(attributeOf(server, "url.path"), "/tasks/double");
    assert.deepEqual(seen, records.map(({ spanId }) => `00-${ID}-${spanId}-01`));
    for (const { traceId, parentSpanId } of records) {
      assert.deepEqual([traceId, parentSpanId], [ID, server.spanId]);
    }
  });

  it("starts with a call that has none", async () => {
    const { spans } = await call([1]);
    assert.equal(spans.length, 2);
    const [record, server] = spans;
    assert.equal(server!.parentSpanId, undefined);
    assert.equal(record!.parentSpanId, server!.spanId);
  });

  it("names a failed record, and what was answered", async () => {
    const { spans, status } = await call([13]);
    const [record, server] = spans;
    assert.equal(status, 422);
    assert.deepEqual(record!.status, { code: 2, message: "unlucky" });
    assert.equal(attributeOf(server!, "http.response.status_code"), "422");
    assert.equal(server!.status, undefined);
  });

  it("is not exported if it is not sampled", async () => {
    const { spans, seen } = await call([1], { traceparent: `00-${ID}-${BEFORE}-00` });
    assert.deepEqual(spans, []);
    assert.match(seen[0]!, new RegExp(`^00-${ID}-[0-9a-f]{16}-00$`));
  });
});
