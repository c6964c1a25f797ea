import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { AckError } from "../../../src/api/ack_error.ts";
import type { Context } from "../../../src/api/context.ts";
import type { Span, Spans } from "../../../src/tracing/spans.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { publish } from "../../support/in_process/broker_probes.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const N = '{"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}';
const number = new AvroCodec().parse(N);
const ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const BEFORE = "00f067aa0ba902b7";

class Collected implements Spans {
  readonly all: Span[] = [];
  readonly dropped = 0;
  constructor(readonly starts: boolean) {}
  samples(): boolean {
    return this.starts;
  }
  ended(span: Span): void {
    this.all.push(span);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
  named(name: string): Span[] {
    return this.all.filter((span) => span.name === name);
  }
}

onBothBrokers("spans", (given) => {
  async function topicWith(messages: readonly (Record<string, string> | undefined)[]) {
    const topic = `spans-${crypto.randomUUID().slice(0, 8)}.in`;
    const room = { maxBytes: 1 << 20, duplicateWindowMs: 60_000 };
    await given.broker.ensureTopic({ subject: topic, ...room }, { create: true });
    const publisher = given.broker.publisher();
    for (const [n, headers] of messages.entries()) {
      const message = { subject: topic, id: `${topic}-${n}`, body: number.encode({ n }), headers };
      assert.equal(await publish(publisher, message), "stored");
    }
    return topic;
  }

  function pipelineOf(topic: string): string {
    return `
mode: batch
name: ${given.flowId()}
dag:
  - {id: read, type: nats-source, topics: ${topic}, schema: '${N}', out: [work]}
  - {id: work, type: raw, module: ./work.ts, schema: '${N}', out: [show], meta: {max.attempts: 2, retry.delay.ms: 1}}
  - {id: show, type: raw, module: ./show.ts}
`;
  }

  it("are made one for each delivery, each a child of the one before", async () => {
    const topic = await topicWith([{ traceparent: `00-${ID}-${BEFORE}-01`, tracestate: "a=1" }]);
    const spans = new Collected(false);
    const seen: (string | undefined)[] = [];
    const note = (record: unknown, ctx: Context) => {
      seen.push(ctx.traceparent);
      return record;
    };
    const began = Date.now();
    await runFlow({
      yaml: pipelineOf(topic),
      broker: given.broker,
      spans,
      functions: { work: note, show: (record: unknown, ctx: Context) => void note(record, ctx) },
    });
    assert.deepEqual(spans.all.map(({ name }) => name).sort(), [
      "process read",
      "process show",
      "process work",
    ]);
    const [read, work, show] = ["read", "work", "show"].map((id) =>
      spans.named(`process ${id}`)[0]!
    );
    assert.deepEqual([read!.parentId, work!.parentId, show!.parentId], [
      BEFORE,
      read!.spanId,
      work!.spanId,
    ]);
    assert.deepEqual(seen, [work, show].map((span) => `00-${ID}-${span!.spanId}-01`));
    for (const span of spans.all) {
      assert.equal(span.traceId, ID);
      assert.equal(span.state, "a=1");
      assert.equal(span.kind, "consumer");
      assert.equal(span.error, undefined);
      assert.ok(span.startMs > began - 1000 && span.startMs <= span.endMs);
      assert.ok(span.endMs <= Date.now() + 1000);
      assert.equal(span.attributes["kflow.attempt"], 1);
      assert.equal(span.attributes["messaging.message.body.size"], 1);
    }
    assert.equal(work!.attributes["kflow.task"], "work");
    assert.equal(read!.attributes["messaging.destination.name"], topic);
  });

  it("name the error of each failed attempt", async () => {
    const traceparent = `00-${ID}-${BEFORE}-01`;
    const topic = await topicWith([{ traceparent }, { traceparent }]);
    const spans = new Collected(false);
    await runFlow({
      yaml: pipelineOf(topic),
      broker: given.broker,
      spans,
      functions: {
        work({ n }: { n: number }) {
          if (n === 0) throw new AckError("no use");
          throw new RangeError("x".repeat(5000));
        },
        show() {},
      },
    });
    const work = spans.named("process work");
    const told = work.map(({ attributes, error }) => [
      attributes["error.type"],
      attributes["kflow.attempt"],
      error?.slice(0, 7),
    ]);
    assert.deepEqual(told.sort(), [
      ["AckError", 1, "no use"],
      ["RangeError", 1, "xxxxxxx"],
      ["RangeError", 2, "xxxxxxx"],
    ]);
    assert.ok(work.every(({ error }) => error!.length <= 1000));
    // Each attempt is a step of its own, behind the same one.
    assert.equal(new Set(work.map(({ spanId }) => spanId)).size, 3);
    const parents = new Set(work.map(({ parentId }) => parentId));
    assert.deepEqual(parents, new Set(spans.named("process read").map(({ spanId }) => spanId)));
  });

  it(
    "are not made for a trace that is not sampled, which is passed on all the same",
    async () => {
      const topic = await topicWith([{ traceparent: `00-${ID}-${BEFORE}-00` }, undefined]);
      const spans = new Collected(false);
      const seen: Record<number, string | undefined> = {};
      await runFlow({
        yaml: pipelineOf(topic),
        broker: given.broker,
        spans,
        functions: {
          work: (record: unknown) => record,
          show({ n }: { n: number }, ctx: Context) {
            seen[n] = ctx.traceparent;
          },
        },
      });
      assert.deepEqual(spans.all, []);
      assert.match(seen[0]!, new RegExp(`^00-${ID}-[0-9a-f]{16}-00$`));
      assert.equal(seen[1], undefined);
    },
  );

  it("begin at a source that reads a topic, for a message without a trace", async () => {
    const topic = await topicWith([undefined, undefined]);
    const spans = new Collected(true);
    await runFlow({
      yaml: pipelineOf(topic),
      broker: given.broker,
      spans,
      functions: { work: (record: unknown) => record, show() {} },
    });
    const first = spans.named("process read");
    assert.equal(first.length, 2);
    assert.equal(new Set(first.map(({ traceId }) => traceId)).size, 2);
    for (const { traceId, parentId } of first) {
      assert.equal(parentId, undefined);
      assert.equal(spans.all.filter((span) => span.traceId === traceId).length, 3);
    }
  });

  it("begin with each record of a source, over all its edges and side outs", async () => {
    const spans = new Collected(true);
    await runFlow({
      yaml: `
mode: batch
name: ${given.flowId()}
dag:
  - id: make
    type: raw-source
    module: ./make.ts
    schema: '${N}'
    out: [left, right]
    sideOuts: [{id: notes, schema: '${N}', out: [side]}]
  - {id: left, type: raw, module: ./left.ts}
  - {id: right, type: raw, module: ./right.ts}
  - {id: side, type: raw, module: ./side.ts}
`,
      broker: given.broker,
      spans,
      functions: {
        make: async function* (ctx: { toSideStream(id: string, record: unknown): Promise<void> }) {
          yield { n: 1 };
          await ctx.toSideStream("notes", { n: 2 });
        },
        left() {},
        right() {},
        side() {},
      },
    });
    const sent = spans.named("send make");
    assert.equal(sent.length, 2);
    assert.ok(sent.every(({ kind, parentId }) => kind === "producer" && parentId === undefined));
    const after = (name: string) => spans.named(`process ${name}`)[0]!;
    const [left, right, side] = [after("left"), after("right"), after("side")];
    assert.equal(left.parentId, right.parentId);
    assert.deepEqual(
      new Set([left.parentId, side.parentId]),
      new Set(sent.map(({ spanId }) => spanId)),
    );
  });
});
