import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Broker, Delivery } from "../../../src/broker/broker.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { AckError } from "../../../src/api/ack_error.ts";
import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import { Schemas } from "../../../src/runtime/records/schemas.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { publish } from "../../support/in_process/broker_probes.ts";
import { eventually } from "../../support/waiting.ts";
import { type FlowOptions, runFlow } from "../../support/in_process/flow.ts";

const codec = new AvroCodec();
const N = '{"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}';
const numberSchema = codec.parse(N);

interface Numbered {
  n: number;
}
interface PipelineOptions {
  flow: string;
  topic: string;
  mode?: string;
  meta?: string;
  more?: string;
  schema?: string;
  work?: string;
}

function pipeline(options: PipelineOptions): string {
  const { flow, topic, mode = "batch", meta = "{}", more = "", schema = N, work = "" } = options;
  return `
mode: ${mode}
name: ${flow}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: read, type: nats-source, topics: ${topic}, schema: '${schema}', meta: ${meta}, ${more} out: [work]}
  - {id: work, type: raw, module: ./x.ts, ${work}}
`;
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** Counts what is there and not acked by a group; the whole stream if the group is new. */
async function left(broker: Broker, stream: string, group: string): Promise<number | undefined> {
  const state = await broker.queueState(stream, group);
  return state && state.pending + state.ackPending;
}

onBothBrokers("nats-source", (given) => {
  /** A stream that is not the pipeline's, with messages. */
  async function topicOf(...bodies: (Uint8Array | [Uint8Array, Record<string, string>])[]) {
    const { broker } = given;
    const stream = `foreign-${crypto.randomUUID().slice(0, 8)}`;
    const topic = `${stream}.of.others`;
    await broker.ensureTopic(
      { subject: topic, maxBytes: 4 << 20, duplicateWindowMs: 60_000 },
      { create: true },
    );
    const publisher = broker.publisher();
    let count = 0;
    const put = async (body: Uint8Array, headers?: Record<string, string>, subject = topic) => {
      const id = `${stream}-${count++}`;
      assert.equal(await publish(publisher, { subject, id, body, headers }), "stored");
    };
    for (const each of bodies) {
      if (each instanceof Uint8Array) await put(each);
      else await put(...each);
    }
    return { stream, topic, put };
  }

  async function arrives(
    options: Omit<PipelineOptions, "flow"> & { flow?: string } & Partial<FlowOptions>,
  ) {
    const { flow = given.flowId(), ...rest } = options;
    const seen: unknown[] = [];
    const result = await runFlow({
      yaml: pipeline({ flow, ...rest }),
      broker: given.broker,
      functions: { work: (record: Numbered) => void seen.push(record.n ?? record) },
      ...rest,
    });
    return { flow, seen, ...result };
  }

  it("emits and acks the messages of a foreign stream, and ends with the last that was there when it started", async () => {
    const { stream, topic, put } = await topicOf(
      ...numbers(50).map((n) => numberSchema.encode({ n })),
    );
    // The last message of the stream is of another subject.
    await put(new Uint8Array([0]), undefined, `${stream}.of.nobody`);
    const { flow, seen, report, task } = await arrives({ topic });
    assert.deepEqual(seen, numbers(50));
    assert.equal(report.finished, true);
    assert.equal(task("read").counts.out, 50);
    assert.equal(task("read").counts.acked, 50);
    assert.equal(await left(given.broker, stream, `${flow}-read`), 0);
  });

  it("continues in the next run at the position of its group", async () => {
    const { topic, put } = await topicOf(numberSchema.encode({ n: 0 }));
    const flow = given.flowId();
    assert.deepEqual((await arrives({ topic, flow })).seen, [0]);
    await put(numberSchema.encode({ n: 1 }));
    assert.deepEqual((await arrives({ topic, flow, run: "run-2" })).seen, [1]);
    const other = await arrives({ topic, flow, run: "run-3" });
    assert.deepEqual(other.seen, []);
    assert.equal(other.report.finished, true);
  });

  it("reads as the group that groupId names", async () => {
    const { stream, topic } = await topicOf(numberSchema.encode({ n: 0 }));
    const groupId = `mine-${stream}`;
    await arrives({ topic, more: `groupId: ${groupId},` });
    assert.equal(await left(given.broker, stream, groupId), 0);
  });

  it("reads on in streaming mode until it is stopped", async () => {
    const { topic, put } = await topicOf(numberSchema.encode({ n: 0 }));
    const stop = new AbortController();
    const seen: number[] = [];
    const running = arrives({
      topic,
      mode: "streaming",
      stop: stop.signal,
      functions: { work: ({ n }: Numbered) => void seen.push(n) },
    });
    await eventually(() => seen.length === 1, "first record");
    await put(numberSchema.encode({ n: 1 }));
    await eventually(() => seen.length === 2, "second record");
    stop.abort();
    const { report } = await running;
    assert.deepEqual(seen, [0, 1]);
    assert.equal(report.finished, false);
  });

  it("reads each message with the schema that its header names, as records of its own schema", async () => {
    const flow = given.flowId();
    const writer = await new Schemas({ codec, state: given.broker.state, flow }).register({
      type: "record",
      name: "n",
      namespace: "of.others",
      fields: [{ name: "more", type: "string" }, { name: "n", type: "int" }],
    });
    const headers = { "Kflow-Schema": writer.fingerprint };
    const { topic } = await topicOf(
      [writer.encode({ more: "x", n: 7 }), headers],
      numberSchema.encode({ n: 8 }),
      [writer.encode({ more: "y", n: 9 }), headers],
    );
    assert.deepEqual((await arrives({ topic, flow })).seen, [7, 8, 9]);
  });

  it("takes messages without that header for JSON if format says so", async () => {
    const flow = given.flowId();
    await new Schemas({ codec, state: given.broker.state, flow }).register(N);
    const { topic } = await topicOf(
      json({ n: 1, unknown: [true] }),
      [numberSchema.encode({ n: 2 }), { "Kflow-Schema": numberSchema.fingerprint }],
      json({ n: 3 }),
    );
    assert.deepEqual((await arrives({ topic, flow, more: "format: json," })).seen, [1, 2, 3]);
  });

  for (
    const [what, body, headers, more, reason] of [
      ["bytes that are no Avro of its schema", new Uint8Array([1, 2, 3]), {}, "", /Cannot decode/],
      [
        "a schema that nobody registered",
        new Uint8Array([2]),
        { "Kflow-Schema": "0123456789abcdef" },
        "",
        /no schema with fingerprint 0123456789abcdef is registered/,
      ],
      [
        "no JSON",
        new Uint8Array([123]),
        {},
        "format: json,",
        /Cannot decode message of 1 bytes as JSON/,
      ],
      [
        "JSON of another form",
        json({ n: "one" }),
        {},
        "format: json,",
        /Cannot read JSON as a record: n: expected int/,
      ],
    ] as const
  ) {
    it(`makes a message with ${what} a dead letter with its bytes, and goes on`, async () => {
      const good = more === "" ? numberSchema.encode({ n: 5 }) : json({ n: 5 });
      const { stream, topic } = await topicOf([body, headers], good);
      const buried: Delivery[] = [];
      const { flow, seen, report, task } = await arrives({
        topic,
        more,
        deadLetters: {
          place: "here",
          put: (delivery) => Promise.resolve(void buried.push(delivery)),
        },
      });
      assert.deepEqual(seen, [5]);
      assert.equal(report.finished, true);
      assert.equal(task("read").counts.errors, 1);
      const [letter] = task("read").deadLetters;
      assert.equal(letter!.edge, topic);
      assert.match(letter!.error, reason);
      assert.deepEqual(buried.map((each) => [...each.body]), [[...body]]);
      assert.equal(await left(given.broker, stream, `${flow}-read`), 0);
    });
  }

  it("makes a message of another record a dead letter, and says which", async () => {
    const flow = given.flowId();
    const writer = await new Schemas({ codec, state: given.broker.state, flow }).register(
      N.replace('"name": "n"', '"name": "other"'),
    );
    const { topic } = await topicOf(
      [writer.encode({ n: 1 }), { "Kflow-Schema": writer.fingerprint }],
      numberSchema.encode({ n: 2 }),
    );
    const { seen, task } = await arrives({
      topic,
      flow,
      deadLetters: { place: "here", put: () => Promise.resolve() },
    });
    assert.deepEqual(seen, [2]);
    assert.match(task("read").deadLetters[0]!.error, /^Cannot read records of "other" as "n": /);
  });

  it("acks no message before its record is stored: a full edge holds it back", async () => {
    const body = "x".repeat(1000);
    const S = '{"type": "record", "name": "s", "fields": [{"name": "s", "type": "string"}]}';
    const { stream, topic } = await topicOf(
      ...numbers(90).map((n) => codec.parse(S).encode({ s: `${n} ${body}` })),
    );
    const flow = given.flowId();
    const gate = Promise.withResolvers<void>();
    let seen = 0;
    let progress: TaskProgress | undefined;
    const running = runFlow({
      yaml: pipeline({
        flow,
        topic,
        schema: S,
        work: "meta: {stream.max.bytes: 65536, max.in.flight: 1},",
      }),
      broker: given.broker,
      functions: {
        work: async () => {
          await gate.promise;
          seen++;
        },
      },
      started: (all) => progress = all.find(({ task }) => task === "read"),
    });
    const stored = async () =>
      (await given.broker.queueState(`kflow-${flow}-work`, `${flow}-work`))?.lastSequence ?? 0;
    let before = -1;
    await eventually(async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      const now = await stored();
      const stands = now > 0 && now === before;
      before = now;
      return stands;
    }, "a full queue");
    const acked = progress!.counts.acked;
    assert.ok(await stored() < 80, `${await stored()} stored`);
    assert.ok(acked <= await stored(), `${acked} acked of ${await stored()} stored`);
    assert.ok(await left(given.broker, stream, `${flow}-read`) ?? 0 >= 90 - await stored());
    gate.resolve();
    const { task } = await running;
    assert.equal(seen, 90);
    assert.equal(task("read").counts.acked, 90);
    assert.equal(task("read").counts.redelivered, 0);
  });

  it("stores no record twice when its messages are redelivered", async () => {
    const { topic, stream } = await topicOf(
      ...numbers(20).map((n) => numberSchema.encode({ n })),
    );
    const flow = given.flowId();
    const forgetful = withoutAcks(given.broker);
    const seen: number[] = [];
    const stop = new AbortController();
    const functions = { work: ({ n }: Numbered) => void seen.push(n) };
    const first = runFlow({
      yaml: pipeline({ flow, topic, mode: "streaming", meta: "{max.poll.interval.ms: 1000}" }),
      broker: given.broker,
      topicBroker: forgetful,
      functions,
      stop: stop.signal,
    });
    await eventually(() => seen.length === 20, "records");
    assert.equal(await left(given.broker, stream, `${flow}-read`), 20);
    stop.abort();
    await first;
    const { task } = await arrives({
      topic,
      flow,
      meta: "{max.poll.interval.ms: 1000}",
      functions,
    });
    assert.deepEqual(seen.toSorted((a, b) => a - b), numbers(20));
    assert.ok(task("read").counts.redelivered >= 20, String(task("read").counts.redelivered));
    assert.ok(task("read").counts.duplicates >= 20, String(task("read").counts.duplicates));
    assert.equal(await left(given.broker, stream, `${flow}-read`), 0);
  });

  it("ends at meta.limit and takes no message more", async () => {
    const { stream, topic } = await topicOf(
      ...numbers(30).map((n) => numberSchema.encode({ n })),
    );
    const { flow, seen, report, task } = await arrives({ topic, meta: "{limit: 12}" });
    assert.deepEqual(seen, numbers(12));
    assert.equal(report.finished, true);
    assert.equal(task("read").counts.in, 12);
    assert.equal(task("read").counts.nacked, 0);
    await eventually(
      async () => await left(given.broker, stream, `${flow}-read`) === 18,
      "the others untouched",
    );
  });

  it("emits no more records in a second than meta.rate", async () => {
    const { topic } = await topicOf(...numbers(21).map((n) => numberSchema.encode({ n })));
    const started = performance.now();
    const { seen } = await arrives({ topic, meta: "{rate: 50}" });
    assert.deepEqual(seen, numbers(21));
    const took = performance.now() - started;
    assert.ok(took >= 380, `${took} ms`);
  });

  it("puts the value of partitionBy into a header of each record", async () => {
    const { topic } = await topicOf(numberSchema.encode({ n: 3 }));
    const headers: (string | undefined)[] = [];
    await arrives({
      topic,
      more: "partitionBy: n,",
      work: "meta: {max.attempts: 1},",
      functions: {
        work: () => {
          throw new Error("to the dead letters");
        },
      },
      deadLetters: {
        place: "here",
        put: (delivery) => Promise.resolve(void headers.push(delivery.header("Kflow-Partition"))),
      },
    });
    assert.deepEqual(headers, ["3"]);
  });

  it(
    "of the flow's own error records ends when the tasks that write them are finished, with all of them",
    async () => {
      const flow = given.flowId();
      const seen: string[] = [];
      const { report, task } = await runFlow({
        yaml: `
mode: batch
name: ${flow}
globalConfig: {store: {addr: "memory:"}, sideStream: {enabled: true, errorTopics: ${flow}.error}}
dag:
  - {id: make, type: raw-source, module: ./x.ts, schema: '${N}', meta: {rate: 100}, out: [work]}
  - {id: work, type: raw, module: ./x.ts, schema: '${N}', meta: {retry.delay.ms: 1}, out: [later]}
  - {id: later, type: raw, module: ./x.ts}
  - id: errors
    type: nats-source
    topics: ${flow}.error
    schema: {type: record, name: error, fields: [{name: error, type: string}, {name: functionId, type: string}]}
    out: [tell]
  - {id: tell, type: raw, module: ./x.ts, globalConfig: {sideStream: {enabled: false}}}
`,
        broker: given.broker,
        settings: { createSideStream: true },
        functions: {
          make: numbers(60).map((n) => ({ n })),
          work: ({ n }: Numbered, ctx: { delivery: { attempt: number } }) => {
            if (n % 5 === 0) throw new AckError(`given up ${n}`);
            if (n === 7 && ctx.delivery.attempt === 1) throw new RangeError("not yet");
            return { n };
          },
          later: ({ n }: Numbered) => {
            if (n === 59) throw new AckError("the last one");
          },
          tell: (record: { error: string; functionId: string }) =>
            void seen.push(`${record.functionId}: ${record.error.split("\n").at(-2)}`),
        },
      });
      assert.equal(report.finished, true);
      const expected = [
        ...numbers(60).filter((n) => n % 5 === 0).map((n) => `work: AckError: given up ${n}`),
        "work: RangeError: not yet",
        "later: AckError: the last one",
      ];
      assert.deepEqual(seen.toSorted(), expected.toSorted());
      assert.equal(task("errors").counts.out, expected.length);
    },
  );
});

/** As if the process were killed before each ack of a foreign message. */
function withoutAcks(broker: Broker): Broker {
  const copy: Broker = Object.create(broker);
  return Object.assign(copy, {
    state: broker.state,
    durable: broker.durable,
    ensureTopic: (...args: Parameters<Broker["ensureTopic"]>) => broker.ensureTopic(...args),
    async read(...args: Parameters<Broker["read"]>) {
      const consumer = await broker.read(...args);
      consumer.ack = () => {};
      return consumer;
    },
  });
}
