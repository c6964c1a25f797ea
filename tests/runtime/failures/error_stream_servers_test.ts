import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { connect, type NatsConnection, type StreamAPI } from "nats";
import { dialTcp } from "../../../adapters/shared/node/nats_tcp.ts";
import type { Broker } from "../../../src/broker/broker.ts";
import { connectNats } from "../../../src/broker/nats/nats_broker.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { AckError } from "../../../src/api/ack_error.ts";
import {
  ERROR_RECORD_SCHEMA,
  type ErrorRecord,
} from "../../../src/runtime/failures/error_record.ts";
import type { Context } from "../../../src/api/context.ts";
import { TaskTally } from "../../../src/metrics/task_tally.ts";
import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { eventually } from "../../support/waiting.ts";
import { type FlowOptions, runFlow } from "../../support/in_process/flow.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { quiet } from "../../support/in_process/quiet_log.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";

const schema = new AvroCodec().parse(ERROR_RECORD_SCHEMA);

interface Listed {
  key: string;
}

async function docs(keys: readonly string[]): Promise<MemoryStore> {
  const store = new MemoryStore({ buckets: ["docs"] });
  for (const key of keys) await store.put("docs", key, new Uint8Array(1));
  return store;
}

describe(
  "the error side stream on a server of its own",
  { skip: serverSkip("nats-server") },
  () => {
    let main: NatsServer;
    let side: NatsServer;
    let broker: Broker;
    let errorBroker: Broker;
    const clients: NatsConnection[] = [];

    before(async () => {
      [main, side] = await Promise.all([startNats(), startNats()]);
      broker = await connectNats({ url: main.wsUrl, kind: "websocket", log: quiet });
      errorBroker = await connectNats({ url: side.tcpUrl, kind: "tcp", dial: dialTcp, log: quiet });
    });
    after(async () => {
      await Promise.all(clients.map((client) => client.close()));
      await Promise.all([broker?.close(), errorBroker?.close()]);
      await Promise.all([main?.stop(), side?.stop()]);
    });

    /** One batch of a flow of its own, with a stream of its own. */
    function begin(
      name: string,
      options: Partial<FlowOptions> & { keys: string[]; meta?: string },
    ) {
      let progress: TaskProgress | undefined;
      const { keys, meta = "{retry.delay.ms: 1, max.attempts: 3}", ...rest } = options;
      const running = docs(keys).then((store) =>
        runFlow({
          yaml: `
mode: batch
name: ${name}
globalConfig: {store: {addr: "memory:"}, sideStream: {enabled: true, errorTopics: "${name}.error"}}
dag:
  - {id: list, type: fs-source, format: list, topics: "s3a://docs", out: [work]}
  - {id: work, type: raw, module: ./x.ts, meta: ${meta}}
`,
          broker,
          errorBroker,
          store,
          started: (all) => progress = all.find(({ task }) => task === "work"),
          ...rest,
        })
      );
      return { running, counts: () => progress?.counts };
    }

    /** A client that knows nothing of kflow, as the server is now. */
    async function streamsOf(server: NatsServer): Promise<StreamAPI> {
      const client = await connect({ servers: server.tcpUrl });
      clients.push(client);
      return (await client.jetstreamManager()).streams;
    }

    async function records(stream: string, server = side): Promise<ErrorRecord[]> {
      const streams = await streamsOf(server);
      const { state } = await streams.info(stream);
      const found: ErrorRecord[] = [];
      for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
        const { data, header } = await streams.getMessage(stream, { seq });
        assert.equal(header.get("Kflow-Schema"), schema.fingerprint);
        found.push(schema.decode(data.slice()) as unknown as ErrorRecord);
      }
      return found;
    }

    const reasons = (all: ErrorRecord[]) =>
      all.map(({ error }) => error.split("\n").at(-2)!).sort();

    it(
      "that is killed and comes back: failed records are not acked meanwhile, and none is lost",
      async () => {
        const keys = Array.from({ length: 8 }, (_, i) => `k${i}`);
        let killed: Promise<void> | undefined;
        const metrics = new TaskTally({ flow: "killed", task: "work" });
        const { running, counts } = begin("killed", {
          metricsOf: ({ id }) => id === "work" ? metrics : undefined,
          keys,
          settings: { createSideStream: true },
          functions: {
            work: async ({ key }: Listed, ctx: Context) => {
              await (killed ??= side.kill());
              if (key === "k0") throw new AckError("given up");
              if (key === "k1") throw new Error("never");
              if (key === "k2" && ctx.delivery.attempt === 1) throw new Error("not yet");
            },
          },
        });
        await eventually(() => counts()?.unreported === 3, "error records that wait");
        await eventually(() => counts()!.acked === 5, "the others");
        assert.equal(metrics.gauge("unreportedNow"), 3);
        assert.equal(counts()!.nacked, 0);
        const state = await broker.queueState("kflow-killed-work", "killed-work");
        assert.equal(state?.ackPending, 3);
        assert.equal(state?.ackFloor, 0);
        await side.restart();
        const { task } = await running;
        assert.equal(metrics.gauge("unreportedNow"), 0);
        assert.equal(task("work").counts.acked, 8);
        assert.equal(task("work").counts.dead, 1);
        assert.equal(task("work").deadLetters[0]!.attempts, 3);
        assert.deepEqual(reasons(await records("killed")), [
          "AckError: given up",
          "Error: never",
          "Error: never",
          "Error: never",
          "Error: not yet",
        ]);
      },
    );

    it(
      "that is missing: the log says how to make it, nothing is acked, and all goes on once it exists",
      async () => {
        const { running, counts } = begin("missing", {
          keys: ["k".repeat(900)],
          functions: {
            work: () => {
              throw new AckError("given up");
            },
          },
        });
        await eventually(() => counts()?.unreported === 1, "an error record that waits");
        assert.equal(counts()!.acked, 0);
        const streams = await streamsOf(side);
        await streams.add({ name: "mine", subjects: ["missing.error"], max_msg_size: 2000 });
        const { task, logged } = await running;
        assert.equal(task("work").counts.acked, 1);
        const complaints = logged.map((line) => JSON.stringify(line))
          .filter((line) => line.includes("side stream takes no records"));
        assert.equal(complaints.length, 1, complaints.join("\n"));
        assert.match(
          complaints[0]!,
          /nats stream add missing --subjects 'missing\.error' --defaults\\", or set KFLOW_CREATE_SIDESTREAM=true/,
        );
        const [record] = await records("mine");
        assert.match(record!.payload, /… \[cut: .* stream kflow-missing-work, sequence 1, /);
      },
    );

    it("without an address is on the pipeline's own server", async () => {
      const { running } = begin("own", {
        keys: ["a", "b"],
        errorBroker: undefined,
        settings: { createSideStream: true },
        functions: {
          work: ({ key }: Listed) => {
            throw new AckError(`no ${key}`);
          },
        },
      });
      await running;
      assert.deepEqual(reasons(await records("own", main)), ["AckError: no a", "AckError: no b"]);
    });

    it("keeps its schema on the server that has its records", async () => {
      const { running } = begin("schemas", { keys: [], settings: { createSideStream: true } });
      await running.catch(() => {});
      const streams = await streamsOf(side);
      const { state } = await streams.info("KV_kflow-state", { subjects_filter: ">" });
      const keys = Object.keys(state.subjects ?? {});
      assert.ok(keys.some((key) => key.endsWith(`.schema.${schema.fingerprint}`)), keys.join());
    });
  },
);
