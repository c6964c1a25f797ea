import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Broker, Delivery } from "../../../src/broker/broker.ts";
import { createMemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { AckError } from "../../../src/api/ack_error.ts";
import {
  ERROR_RECORD_SCHEMA,
  type ErrorRecord,
} from "../../../src/runtime/failures/error_record.ts";
import type { Context } from "../../../src/api/context.ts";
import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { eventually } from "../../support/waiting.ts";
import { type FlowOptions, runFlow } from "../../support/in_process/flow.ts";

const schema = new AvroCodec().parse(ERROR_RECORD_SCHEMA);

function pipeline(options: { meta?: string; side?: string } = {}): string {
  const { meta = "{retry.delay.ms: 1}", side = "errorTopics: errors.work" } = options;
  return `
mode: batch
name: test
globalConfig: {store: {addr: "memory:"}, sideStream: {enabled: true, ${side}}}
dag:
  - {id: list, type: fs-source, format: list, topics: "s3a://docs", out: [work]}
  - {id: work, type: raw, module: ./x.ts, meta: ${meta}}
`;
}

async function docs(...keys: string[]): Promise<MemoryStore> {
  const store = new MemoryStore({ buckets: ["docs"] });
  for (const key of keys) await store.put("docs", key, new TextEncoder().encode(key));
  return store;
}

/** Everything that the broker holds of a stream. */
async function held(broker: Broker, stream: string): Promise<Delivery[]> {
  const consumer = await broker.consume({
    queue: { stream, subjects: `${stream}.>`, maxBytes: 1, duplicateWindowMs: 1 },
    group: "reader",
    ackWaitMs: 30_000,
    maxAckPending: 1000,
  });
  consumer.slots = 1000;
  const timer = setTimeout(() => consumer.wake(), 100);
  const deliveries = await consumer.next();
  clearTimeout(timer);
  await consumer.close();
  return deliveries;
}

function read(delivery: Delivery): ErrorRecord {
  assert.equal(delivery.header("Kflow-Schema"), schema.fingerprint);
  return schema.decode(delivery.body) as unknown as ErrorRecord;
}

/** As the product document's Python does it. */
function parsed({ error }: ErrorRecord): [string, string] {
  const line = error.split("\n").at(-2)!;
  const [clazz, ...rest] = line.split(":");
  return [clazz!, rest.join(":").trim()];
}

interface Listed {
  key: string;
}

async function recordsOf(options: Omit<FlowOptions, "broker">) {
  const broker = createMemoryBroker();
  const result = await runFlow({ ...options, broker });
  const records = (await held(broker, "errors")).map(read);
  await broker.close();
  return { ...result, records };
}

class NotAPicture extends AckError {}
class Later extends AckError {
  override shouldAck() {
    return false;
  }
  override payloadAsJson() {
    return false;
  }
}

/** Streams that take nothing until they are repaired. */
function broken(broker: Broker): Broker & { repair(): void; refusals: number } {
  let repaired = false;
  const copy = Object.create(broker);
  return Object.assign(copy, {
    refusals: 0,
    repair: () => void (repaired = true),
    ensureTopic: async (...args: Parameters<Broker["ensureTopic"]>) => {
      if (repaired) return await broker.ensureTopic(...args);
      copy.refusals++;
      throw new Error("it is away");
    },
    publisher: () => broker.publisher(),
    state: broker.state,
    maxPayload: broker.maxPayload,
    durable: broker.durable,
  });
}

describe("the error side stream", () => {
  it("gets six columns for an AckError, with the record as JSON, before it is acked", async () => {
    const { records, task } = await recordsOf({
      yaml: pipeline(),
      store: await docs("a"),
      functions: {
        work: (record: Listed) => {
          record.key = "changed";
          throw new NotAPicture("it is:\na text");
        },
      },
    });
    assert.equal(records.length, 1);
    const [record] = records;
    assert.deepEqual(Object.keys(record!).sort(), [
      "error",
      "flowId",
      "functionId",
      "payload",
      "podName",
      "timestamp",
    ]);
    assert.deepEqual(parsed(record!), ["NotAPicture", "it is: a text"]);
    assert.equal(JSON.parse(record!.payload).key, "a");
    assert.equal(record!.podName, "pod-1");
    assert.equal(record!.flowId, "test");
    assert.equal(record!.functionId, "work");
    assert.equal(new Date(record!.timestamp).toISOString(), record!.timestamp);
    assert.equal(task("work").counts.acked, 1);
    assert.equal(task("work").counts.nacked, 0);
  });

  it("gets one record per failed attempt, with the message's bytes, and then a dead letter", async () => {
    const bodies: Uint8Array[] = [];
    const { records, task } = await recordsOf({
      yaml: pipeline({ meta: "{retry.delay.ms: 1, max.attempts: 3}" }),
      store: await docs("ä", "good"),
      functions: {
        work: ({ key }: Listed, ctx: Context) => {
          if (key === "good") return;
          if (ctx.delivery.attempt === 1) throw new TypeError("first");
          if (ctx.delivery.attempt === 2) throw new Later("second");
          throw "third: no error at all";
        },
      },
      deadLetters: {
        place: "here",
        put: (delivery) => Promise.resolve(void bodies.push(delivery.body)),
      },
    });
    assert.deepEqual(records.map(parsed), [
      ["TypeError", "first"],
      ["Later", "second"],
      ["Error", "third: no error at all"],
    ]);
    for (const { payload } of records) {
      assert.deepEqual(Uint8Array.from(payload, (each) => each.charCodeAt(0)), bodies[0]);
    }
    assert.equal(task("work").counts.dead, 1);
    assert.equal(task("work").counts.unreported, 0);
  });

  it("puts the record into each topic, also into two of one stream, and as JSON if asked", async () => {
    const broker = createMemoryBroker();
    await runFlow({
      yaml: pipeline({
        side: 'errorTopics: "errors.a, errors.b.c, others.x, plain", format: json',
      }),
      broker,
      store: await docs("a"),
      functions: {
        work: () => {
          throw new AckError("no");
        },
      },
    });
    const subjects: string[] = [];
    for (const stream of ["errors", "others", "plain"]) {
      for (const delivery of await held(broker, stream)) {
        subjects.push(delivery.subject);
        assert.equal(delivery.header("Kflow-Schema"), undefined);
        const record = JSON.parse(new TextDecoder().decode(delivery.body));
        assert.deepEqual(parsed(record), ["AckError", "no"]);
      }
    }
    assert.deepEqual(subjects, ["errors.a", "errors.b.c", "others.x", "plain"]);
    await broker.close();
  });

  it("gets the raw bytes of a message that cannot be decoded", async () => {
    const broker = createMemoryBroker();
    const body = new Uint8Array([0xff, 0x80, 0x00, 0x41]);
    const queue = {
      stream: "kflow-test-work",
      subjects: "kflow.test.work.>",
      maxBytes: 1 << 20,
      duplicateWindowMs: 600_000,
    };
    await broker.ensureQueues([queue]);
    const publisher = broker.publisher();
    publisher.publish({ subject: "kflow.test.work.list", id: "x", body }, {
      stored: () => {},
      failed: (error) => assert.fail(error),
    });
    await runFlow({
      yaml: pipeline(),
      broker,
      store: await docs(),
      functions: { work: () => {} },
      deadLetters: { place: "here", put: () => Promise.resolve() },
    });
    const [record] = (await held(broker, "errors")).map(read);
    assert.equal(record!.payload, "\u00ff\u0080\u0000A");
    assert.equal(parsed(record!)[0], "DecodeError");
    publisher.close();
    await broker.close();
  });

  for (const format of ["avro", "json"] as const) {
    it(`cuts a payload that is too large as ${format}, and names the message`, async () => {
      const errorBroker = createMemoryBroker({ maxPayload: 3000 });
      const long = "ä".repeat(300) + "€".repeat(80) + "\u0001".repeat(60);
      const bodies: Delivery[] = [];
      await runFlow({
        yaml: pipeline({
          side: `errorTopics: errors.work, format: ${format}`,
          meta: "{max.attempts: 1}",
        }),
        errorBroker,
        store: await docs(long),
        functions: {
          work: () => {
            throw new RangeError("r".repeat(100_000));
          },
        },
        deadLetters: {
          place: "here",
          put: (delivery) => Promise.resolve(void bodies.push(delivery)),
        },
      });
      const [delivery] = await held(errorBroker, "errors");
      assert.ok(delivery!.body.length <= 3000 - 512);
      assert.ok(delivery!.body.length > 1800, String(delivery!.body.length));
      const record: ErrorRecord = format === "avro"
        ? read(delivery!)
        : JSON.parse(new TextDecoder().decode(delivery!.body));
      const [body] = bodies;
      const hash = createHash("sha256").update(body!.body).digest("hex");
      assert.match(
        record.payload,
        new RegExp(`^[^]{100,}… \\[cut: .*stream kflow-test-work, sequence 1, .*${hash}\\]$`),
      );
      assert.equal(parsed(record)[0], "RangeError");
      await errorBroker.close();
    });
  }

  it("that is down: failed records are kept without counting attempts, the others go on, and none is lost", async () => {
    const broker = createMemoryBroker();
    const inner = createMemoryBroker();
    const errorBroker = broken(inner);
    let seen: TaskProgress | undefined;
    const attempts: number[] = [];
    const running = runFlow({
      yaml: pipeline({ meta: "{retry.delay.ms: 1, max.attempts: 2}" }),
      broker,
      errorBroker,
      store: await docs("bad", "good", "ugly", "z"),
      started: (progress) => seen = progress.find((each) => each.task === "work"),
      functions: {
        work: ({ key }: Listed, ctx: Context) => {
          if (key === "ugly") throw new AckError("given up");
          if (key !== "bad") return;
          attempts.push(ctx.delivery.attempt);
          if (ctx.delivery.attempt === 1) throw new Error("not yet");
        },
      },
    });
    await eventually(() => seen?.counts.unreported === 2, "complaint");
    assert.equal(seen!.counts.acked, 2);
    assert.equal(seen!.counts.nacked, 0);
    await eventually(() => errorBroker.refusals > 3, "attempts to find the stream");
    errorBroker.repair();
    const { task, logged } = await running;
    assert.deepEqual(attempts, [1, 2]);
    assert.equal(task("work").counts.acked, 4);
    assert.equal(task("work").counts.dead, 0);
    const records = (await held(inner, "errors")).map(read);
    assert.deepEqual(records.map((record) => parsed(record)[1]).sort(), ["given up", "not yet"]);
    const complaints = logged.filter(({ message }) =>
      String(message).includes("side stream takes no")
    );
    assert.equal(complaints.length, 1, "more than once a minute");
    await inner.close();
    await broker.close();
  });

  it("that is down: failed records are nacked when the worker stops", async () => {
    const stop = new AbortController();
    const inner = createMemoryBroker();
    const { task } = await runFlow({
      yaml: pipeline(),
      errorBroker: broken(inner),
      store: await docs("a"),
      stop: stop.signal,
      functions: {
        work: () => {
          stop.abort();
          throw new AckError("given up");
        },
      },
    });
    assert.equal(task("work").counts.acked, 0);
    assert.equal(task("work").counts.nacked, 1);
    await inner.close();
  });

  it("on the embedded broker is bounded: the oldest records go, the run does not wait", async () => {
    const broker = createMemoryBroker();
    const stop = AbortSignal.timeout(50_000);
    const { task } = await runFlow({
      yaml: pipeline({ meta: "{retry.delay.ms: 1, max.attempts: 500}" }),
      broker,
      store: await docs("a"),
      stop,
      functions: {
        work: () => {
          throw new RangeError("x".repeat(30_000));
        },
      },
      deadLetters: { place: "here", put: () => Promise.resolve() },
    });
    assert.equal(task("work").counts.errors, 500);
    const records = (await held(broker, "errors")).map(read);
    assert.ok(records.length > 200 && records.length < 500, String(records.length));
    await broker.close();
  });
});
