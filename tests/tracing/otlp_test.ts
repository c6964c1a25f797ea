import { afterEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createLogger } from "../../src/base/log.ts";
import { ManualTimers } from "../../src/test_kit/manual_timers.ts";
import { type OtlpOptions, OtlpSpans } from "../../src/tracing/otlp.ts";
import type { Span } from "../../src/tracing/spans.ts";
import { eventually } from "../support/waiting.ts";
import { newSecret } from "../support/run_record.ts";
import {
  type SpanCollector,
  spansIn,
  startSpanCollector,
} from "../support/servers/span_collector.ts";

const CHUNK = "no room ".repeat(8_192);
/** What lies between a reader that reads no more and a writer. */
const MOST_SENT = 16 << 20;

function span(n: number, more: Partial<Span> = {}): Span {
  return {
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    spanId: n.toString(16).padStart(16, "0"),
    name: "process work",
    kind: "consumer",
    startMs: 1_700_000_000_000.25,
    endMs: 1_700_000_000_001,
    attributes: {},
    ...more,
  };
}

describe("OtlpSpans", () => {
  const open: { close(): Promise<void> }[] = [];
  let collector: SpanCollector | undefined;
  afterEach(async () => {
    for (const spans of open.splice(0)) await spans.close();
    await collector?.stop();
    collector = undefined;
  });

  function make(options: Partial<OtlpOptions> = {}) {
    const timers = new ManualTimers();
    const lines: Record<string, unknown>[] = [];
    const spans = new OtlpSpans({
      url: `${collector!.endpoint}/v1/traces`,
      headers: { "x-key": "k" },
      ratio: 1,
      log: createLogger({ write: (line) => lines.push(JSON.parse(line)) }),
      version: "1.2.3",
      resource: { "service.name": "kflow" },
      timers,
      ...options,
    });
    open.push(spans);
    const messages = () => lines.map(({ message, reason, count }) => [message, reason ?? count]);
    return { spans, timers, messages, lines };
  }

  it("names the collector in the log, and no token of its URL", async () => {
    const secret = newSecret();
    collector = await startSpanCollector();
    const { endpoint } = collector;
    await collector.stop();
    const { spans, lines } = make({ url: `${endpoint}/in/${secret}/v1/traces?api_key=${secret}` });
    spans.ended(span(1));
    await spans.close();
    const line = lines.find(({ message }) => message === "Cannot send spans")!;
    assert.equal(line.url, endpoint);
    assert.ok(
      !JSON.stringify(lines).includes(secret),
      JSON.stringify(line).replaceAll(secret, "S"),
    );
  });

  it("posts what the protocol has, five seconds after the first", async () => {
    collector = await startSpanCollector();
    const { spans, timers, messages } = make();
    spans.ended(span(1, {
      parentId: "00f067aa0ba902b7",
      state: "a=1",
      attributes: { text: "a", whole: 3, part: 0.5, yes: true },
    }));
    spans.ended(span(2, { kind: "producer", error: "no use" }));
    spans.ended(span(3, { kind: "server" }));
    assert.equal(timers.nextAt, 5000);
    assert.equal(collector.requests.length, 0);
    timers.moveTo(5000);
    await eventually(
      () => collector!.requests.length === 1,
      "what the collector was to get",
    );
    await spans.close();
    const [request] = collector.requests;
    assert.equal(request!.method, "POST");
    assert.equal(request!.path, "/v1/traces");
    assert.equal(request!.headers["content-type"], "application/json");
    assert.equal(request!.headers["x-key"], "k");
    const times = {
      startTimeUnixNano: "1700000000000250000",
      endTimeUnixNano: "1700000000001000000",
    };
    const { traceId } = span(0);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(request!.body)), {
      resourceSpans: [{
        resource: { attributes: [{ key: "service.name", value: { stringValue: "kflow" } }] },
        scopeSpans: [{
          scope: { name: "kflow", version: "1.2.3" },
          spans: [
            {
              traceId,
              spanId: "0000000000000001",
              parentSpanId: "00f067aa0ba902b7",
              traceState: "a=1",
              name: "process work",
              kind: 5,
              ...times,
              attributes: [
                { key: "text", value: { stringValue: "a" } },
                { key: "whole", value: { intValue: "3" } },
                { key: "part", value: { doubleValue: 0.5 } },
                { key: "yes", value: { boolValue: true } },
              ],
            },
            {
              traceId,
              spanId: "0000000000000002",
              name: "process work",
              kind: 4,
              ...times,
              attributes: [],
              status: { code: 2, message: "no use" },
            },
            {
              traceId,
              spanId: "0000000000000003",
              name: "process work",
              kind: 2,
              ...times,
              attributes: [],
            },
          ],
        }],
      }],
    });
    assert.deepEqual(messages(), []);
  });

  it("posts 512 at once, and the rest when it is closed", async () => {
    collector = await startSpanCollector();
    const { spans } = make();
    for (let n = 1; n <= 1030; n++) spans.ended(span(n));
    await eventually(
      () => collector!.requests.length === 2,
      "what the collector was to get",
    );
    await spans.close();
    assert.deepEqual(collector.requests.map((each) => spansIn(each).length), [512, 512, 6]);
    assert.equal(new Set(collector.spans().map(({ spanId }) => spanId)).size, 1030);
    spans.ended(span(1));
    await spans.close();
    assert.equal(collector.requests.length, 3);
  });

  for (const status of [429, 502, 503, 504]) {
    it(`posts again after an answer ${status}, with growing delays`, async () => {
      collector = await startSpanCollector(({ index }, response) => {
        if (index < 2) response.writeHead(status).end();
        else response.end("{}");
      });
      const { spans, timers, messages } = make();
      spans.ended(span(1));
      timers.moveTo(5000);
      await eventually(
        () => timers.nextAt === 6000,
        "what the collector was to get",
      );
      timers.moveTo(6000);
      await eventually(
        () => timers.nextAt === 8000,
        "what the collector was to get",
      );
      timers.moveTo(8000);
      await eventually(
        () => messages().length === 2,
        "what the collector was to get",
      );
      assert.deepEqual(collector.requests.map((each) => spansIn(each).length), [1, 1, 1]);
      assert.deepEqual(messages(), [
        ["Cannot send spans", `answer ${status}`],
        ["Spans are sent again", undefined],
      ]);
    });
  }

  it("waits as long as the collector asks for", async () => {
    collector = await startSpanCollector(({ index }, response) => {
      if (index === 0) response.writeHead(429, { "Retry-After": "9" }).end();
      else response.end("{}");
    });
    const { spans, timers } = make();
    spans.ended(span(1));
    timers.moveTo(5000);
    await eventually(
      () => timers.nextAt === 14_000,
      "what the collector was to get",
    );
    timers.moveTo(14_000);
    await eventually(
      () => collector!.requests.length === 2,
      "what the collector was to get",
    );
  });

  const hopeless: [name: string, status: number, headers: Record<string, string>][] = [
    ["a mistake of ours", 400, {}],
    ["a place that is none", 404, {}],
    ["another place", 307, { Location: "/elsewhere" }],
  ];
  for (const [name, status, headers] of hopeless) {
    it(`gives up what is answered with ${name}, and tells how many`, async () => {
      collector = await startSpanCollector(({ index }, response) => {
        if (index === 0) response.writeHead(status, headers).end("no");
        else response.end("{}");
      });
      const { spans, timers, messages } = make();
      spans.ended(span(1));
      spans.ended(span(2));
      timers.moveTo(5000);
      await eventually(
        () => messages().length === 1,
        "what the collector was to get",
      );
      spans.ended(span(3));
      await spans.close();
      assert.deepEqual(collector.requests.map(({ path }) => path), ["/v1/traces", "/v1/traces"]);
      assert.deepEqual(messages(), [
        ["Cannot send spans", `answer ${status}: no`],
        ["Spans are sent again", undefined],
        ["Spans were dropped", 2],
      ]);
      assert.equal(spans.dropped, 2);
    });
  }

  it("tells what the collector has rejected of a request", async () => {
    collector = await startSpanCollector((_request, response) =>
      response.end('{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too old"}}')
    );
    const { spans, messages } = make();
    spans.ended(span(1));
    spans.ended(span(2));
    await spans.close();
    assert.deepEqual(messages(), [
      ["Cannot send spans", "1 rejected: too old"],
      ["Spans were dropped", 1],
    ]);
  });

  for (const status of [200, 400]) {
    it(`reads the beginning of an answer ${status} that never ends`, async () => {
      let sent = 0;
      collector = await startSpanCollector((_request, response) => {
        response.writeHead(status);
        const more = () => {
          do sent += CHUNK.length; while (!response.destroyed && response.write(CHUNK));
        };
        response.on("drain", more);
        more();
      });
      const { spans, messages } = make();
      spans.ended(span(1));
      await spans.close();
      const told = messages().map(([message]) => message);
      assert.deepEqual(told, status === 200 ? [] : ["Cannot send spans", "Spans were dropped"]);
      assert.ok(sent < MOST_SENT, `${sent} bytes were sent`);
    });
  }

  it("keeps no more than its queue, and drops what comes then", async () => {
    const held: (() => void)[] = [];
    collector = await startSpanCollector((_request, response) => {
      held.push(() => response.end("{}"));
    });
    const { spans, messages } = make({ queue: 600 });
    for (let n = 1; n <= 512; n++) spans.ended(span(n));
    await eventually(() => held.length === 1, "what the collector was to get");
    for (let n = 1; n <= 700; n++) spans.ended(span(n));
    held[0]!();
    await eventually(() => held.length === 2, "what the collector was to get");
    held[1]!();
    const closed = spans.close();
    await eventually(() => held.length === 3, "what the collector was to get");
    held[2]!();
    await closed;
    assert.deepEqual(messages(), [["Spans were dropped", 100]]);
    spans.ended(span(1));
    assert.equal(spans.dropped, 101);
    assert.equal(collector.spans().length, 512 + 600);
  });

  it("waits 5 s for a collector that does not answer, then closes", async () => {
    collector = await startSpanCollector(() => {});
    const { spans, messages } = make();
    for (let n = 1; n <= 2000; n++) spans.ended(span(n));
    const started = performance.now();
    await spans.close();
    const took = performance.now() - started;
    assert.ok(took > 4900, `${took} ms`);
    assert.deepEqual(messages().map(([message]) => message), [
      "Cannot send spans",
      "Spans were dropped",
    ]);
    assert.equal(messages()[1]![1], 2000);
  });

  it("is closed without its spans when the collector is not there", async () => {
    collector = await startSpanCollector();
    const { spans, messages } = make();
    await collector.stop();
    collector = undefined;
    for (let n = 1; n <= 3; n++) spans.ended(span(n));
    await spans.close();
    assert.deepEqual(messages().at(-1), ["Spans were dropped", 3]);
  });

  it("samples the part of the traces that is asked for, the same ones everywhere", async () => {
    collector = await startSpanCollector();
    const ids = Array.from({ length: 2000 }, () => crypto.randomUUID().replaceAll("-", ""));
    const countOf = (ratio: number) => {
      const { spans } = make({ ratio });
      return ids.filter((id) => spans.samples(id));
    };
    const quarter = countOf(0.25);
    assert.ok(quarter.length > 350 && quarter.length < 650, `${quarter.length}`);
    const half = new Set(countOf(0.5));
    assert.ok(quarter.every((id) => half.has(id)));
    assert.deepEqual([countOf(0).length, countOf(1).length], [0, 2000]);
  });
});
