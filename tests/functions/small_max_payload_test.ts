import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Broker } from "../../src/broker/broker.ts";
import { connectNats } from "../../src/broker/nats.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { runFlow } from "../support/flow.ts";
import { type NatsServer, startNats } from "../support/nats_server.ts";
import { quiet } from "../support/quiet_log.ts";
import { serverSkip } from "../support/server_binary.ts";

const LONG = { timeout: 60_000 };
const OBJECTS = 5000;

describe("a NATS server that takes messages of 64 KiB", { skip: serverSkip("nats-server") }, () => {
  let server: NatsServer;
  let broker: Broker;
  before(async () => {
    server = await startNats({ config: "max_payload: 65536" });
    broker = await connectNats({ url: server.wsUrl, kind: "websocket", log: quiet });
  }, LONG);
  after(async () => {
    await broker?.close();
    await server?.stop();
  });

  for (const checkpoint of [true, false]) {
    const title = `lists ${OBJECTS} objects in a batch, ${
      checkpoint ? "with" : "without"
    } a checkpoint`;
    it(title, LONG, async () => {
      const store = new MemoryStore({ buckets: ["docs"] });
      for (let n = 0; n < OBJECTS; n++) await store.put("docs", `d${n}`, new Uint8Array(1));
      const { report, task } = await runFlow({
        yaml: `
name: small-${checkpoint}
mode: batch
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: list, type: fs-source, format: list, topics: s3a://docs, meta: {checkpoint: ${checkpoint}}, out: [work]}
  - {id: work, type: raw, module: ./x.ts}
`,
        store,
        broker,
        functions: { work: () => {} },
      });
      assert.equal(report.finished, true);
      assert.equal(task("work").counts.acked, OBJECTS);
    });
  }
});
