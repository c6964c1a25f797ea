import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  connect,
  headers,
  type JetStreamManager,
  type NatsConnection,
  RetentionPolicy,
} from "nats";
import { dialTcp } from "../../../adapters/shared/node/nats_tcp.ts";
import type { Broker } from "../../../src/broker/broker.ts";
import { createMemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import { connectNats } from "../../../src/broker/nats/nats_broker.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import { eventually } from "../../support/waiting.ts";
import { type FlowOptions, runFlow } from "../../support/in_process/flow.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { quiet } from "../../support/in_process/quiet_log.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";

const N = '{"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}';
const schema = new AvroCodec().parse(N);
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

describe("nats-source of a server of its own", { skip: serverSkip("nats-server") }, () => {
  let main: NatsServer;
  let side: NatsServer;
  let broker: Broker;
  let topicBroker: Broker;
  const clients: NatsConnection[] = [];

  before(async () => {
    main = await startNats();
    side = await startNats();
    broker = await connectNats({ url: main.wsUrl, kind: "websocket", log: quiet });
    topicBroker = await connectNats({ url: side.tcpUrl, kind: "tcp", dial: dialTcp, log: quiet });
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await Promise.all([broker?.close(), topicBroker?.close()]);
    await Promise.all([main?.stop(), side?.stop()]);
  });

  /** By a client of its own: the server may have been another one before. */
  async function manager(): Promise<JetStreamManager> {
    const client = await connect({ servers: side.tcpUrl });
    clients.push(client);
    return await client.jetstreamManager();
  }

  async function put(subject: string, all: readonly number[]): Promise<void> {
    const writer = await connect({ servers: side.tcpUrl });
    for (const n of all) await writer.jetstream().publish(subject, schema.encode({ n }));
    await writer.close();
  }

  /** One run of a flow that reads `name.x`. */
  function begin(name: string, options: Partial<FlowOptions> & { mode?: string } = {}) {
    const seen: number[] = [];
    let counts: TaskProgress["counts"] | undefined;
    const { mode = "batch", ...rest } = options;
    const running = runFlow({
      yaml: `
mode: ${mode}
name: ${name}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: read, type: nats-source, topics: ${name}.x, schema: '${N}', meta: {max.poll.interval.ms: 2000}, out: [work]}
  - {id: work, type: raw, module: ./x.ts, meta: {max.poll.interval.ms: 2000}}
`,
      broker,
      topicBroker,
      functions: { work: ({ n }: { n: number }) => void seen.push(n) },
      started: (all) => counts = all.find(({ task }) => task === "read")!.counts,
      ...rest,
    });
    return { running, seen, counts: () => counts };
  }

  for (const retention of [RetentionPolicy.Workqueue, RetentionPolicy.Interest]) {
    it(
      `empties a stream with retention ${retention}, whose configuration stays`,
      async () => {
        const name = `kept-${retention}`;
        const manage = await manager();
        const { streams } = manage;
        const { config } = await streams.add({ name, subjects: [`${name}.*`], retention });
        const { consumers } = manage;
        if (retention === RetentionPolicy.Interest) {
          await consumers.add(name, {
            durable_name: `${name}-read`,
            filter_subject: `${name}.x`,
            ack_policy: "explicit" as never,
          });
        }
        await put(`${name}.x`, numbers(10));
        const { running, seen } = begin(name);
        assert.equal((await running).report.finished, true);
        assert.deepEqual(seen, numbers(10));
        const info = await streams.info(name);
        assert.equal(info.state.messages, 0);
        assert.deepEqual(info.config, config);
      },
    );
  }

  it(
    "does not start where no stream takes the subject, and says how to make one",
    async () => {
      await assert.rejects(begin("nowhere").running, (error: Error) => {
        assert.equal(error.name, "StartError");
        assert.equal(
          error.message,
          `Cannot open task "read": No stream takes "nowhere.x"; create one with "nats stream add nowhere --subjects 'nowhere.x' --defaults"`,
        );
        return true;
      });
    },
  );

  it(
    "makes the stream of its own flow's error records only with KFLOW_CREATE_SIDESTREAM",
    async () => {
      const yaml = `
mode: batch
name: own
globalConfig: {store: {addr: "memory:"}, sideStream: {enabled: true, errorTopics: own.error}}
dag:
  - {id: make, type: raw-source, module: ./x.ts, schema: '${N}', out: [work]}
  - {id: work, type: raw, module: ./x.ts}
  - {id: read, type: nats-source, topics: own.error, schema: '${N}', out: [show]}
  - {id: show, type: print, globalConfig: {sideStream: {enabled: false}}}
`;
      const options = { yaml, broker, functions: { make: [], work: () => {} } };
      await assert.rejects(
        runFlow(options),
        /^StartError: Cannot open task "read": No stream takes "own\.error"; .*, or set KFLOW_CREATE_SIDESTREAM=true$/,
      );
      const { report } = await runFlow({
        ...options,
        run: "run-2",
        settings: { createSideStream: true },
      });
      assert.equal(report.finished, true);
    },
  );

  it(
    "reads a topic whose stream only the env of the task that writes there allows to make",
    async () => {
      const { report, printed } = await runFlow({
        yaml: `
mode: batch
name: ordered
globalConfig: {store: {addr: "memory:"}, sideStream: {enabled: true, errorTopics: ordered.error}}
dag:
  - {id: make, type: raw-source, module: ./x.ts, schema: '${N}', out: [work]}
  - {id: work, type: raw, module: ./x.ts, meta: {max.attempts: 1}, env: {KFLOW_CREATE_SIDESTREAM: "true"}}
  - id: read
    type: nats-source
    topics: ordered.error
    schema: '{"type":"record","name":"error","namespace":"tech.athea.kosmos","fields":[{"name":"error","type":"string"}]}'
    out: [show]
  - {id: show, type: print, globalConfig: {sideStream: {enabled: false}}}
`,
        broker,
        functions: {
          make: [{ n: 1 }],
          work: () => {
            throw new Error("never");
          },
        },
      });
      assert.equal(report.finished, true);
      assert.equal(printed.length, 1);
    },
  );

  for (const killed of ["its server", "the pipeline's server"]) {
    it(
      `goes on when ${killed} is killed and comes back, loses nothing and stores nothing twice`,
      async () => {
        const isSide = killed === "its server";
        const name = isSide ? "killed-side" : "killed-main";
        const server = isSide ? side : main;
        await (await manager()).streams.add({ name, subjects: [`${name}.x`] });
        await put(`${name}.x`, numbers(200));
        const stop = new AbortController();
        const { running, seen, counts } = begin(name, { mode: "streaming", stop: stop.signal });
        try {
          await eventually(() => seen.length > 0, "first records");
          await server.kill();
          await server.restart();
          await put(`${name}.x`, [200, 201]);
          await eventually(() => new Set(seen).size === 202, "all records", 40_000);
          await eventually(async () => {
            const state = await topicBroker.queueState(name, `${name}-read`);
            return state?.pending === 0 && state.ackPending === 0;
          }, "acks");
        } finally {
          stop.abort();
          await running;
        }
        assert.deepEqual([...new Set(seen)].toSorted((a, b) => a - b), numbers(202));
        const edge = await broker.queueState(`kflow-${name}-work`, `${name}-work`);
        assert.equal(edge?.lastSequence, 202);
        assert.ok(counts()!.acked >= 202);
      },
    );
  }

  it(
    "has dead letters of messages with headers that command the server, which are not obeyed again",
    async () => {
      await (await manager()).streams.add({ name: "words", subjects: ["words.x"] });
      const writer = await connect({ servers: side.tcpUrl });
      const header = headers();
      header.set("Mine", "kept");
      await writer.jetstream().publish("words.x", new Uint8Array([1, 2, 3]), {
        headers: header,
        expect: { streamName: "words", lastSequence: 0 },
      });
      await writer.close();
      const { task } = await begin("words").running;
      assert.equal(task("read").counts.dead, 1);
      const reader = await connect({ servers: main.tcpUrl });
      const { streams: ours } = await reader.jetstreamManager();
      const dead = await ours.getMessage("kflow-words-dead", {
        last_by_subj: "kflow.words.dead.read",
      });
      assert.deepEqual([...dead.data], [1, 2, 3]);
      const found = ["Mine", "Kflow-Edge", "Kflow-Sequence"].map((name) => dead.header.get(name));
      assert.deepEqual(found, ["kept", "words.x", "1"]);
      await reader.close();
    },
  );

  it("feeds a pipeline on the embedded broker", async () => {
    await (await manager()).streams.add({ name: "inside", subjects: ["inside.x"] });
    await put("inside.x", numbers(20));
    const embedded = createMemoryBroker();
    const { running, seen } = begin("inside", { broker: embedded });
    assert.equal((await running).report.finished, true);
    assert.deepEqual(seen, numbers(20));
    await embedded.close();
  });
});
