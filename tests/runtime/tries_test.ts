import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { connect, headers } from "nats";
import type { Broker } from "../../src/broker/broker.ts";
import { connectNats } from "../../src/broker/nats.ts";
import { AvroCodec } from "../../src/codec/avro.ts";
import { publish, receiveOne } from "../support/broker_probes.ts";
import { runFlow } from "../support/flow.ts";
import { type NatsServer, startNats } from "../support/nats_server.ts";
import { quiet } from "../support/quiet_log.ts";
import { serverSkip } from "../support/server_binary.ts";

const LONG = { timeout: 60_000 };
const SCHEMA = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';

describe("tries of a record", { skip: serverSkip("nats-server") }, () => {
  let server: NatsServer;
  let broker: Broker;
  before(async () => {
    server = await startNats();
    broker = await connectNats({ url: server.wsUrl, kind: "websocket", log: quiet });
  }, LONG);
  after(async () => {
    await broker?.close();
    await server?.stop();
  });

  /** One record that has been handed over so often already, and never begun. */
  async function handedOver(name: string, times: number): Promise<void> {
    const queue = {
      stream: `kflow-${name}-work`,
      subjects: `kflow.${name}.work.>`,
      maxBytes: 1 << 20,
      duplicateWindowMs: 600_000,
    };
    await broker.ensureQueue(queue);
    const publisher = broker.publisher();
    const schema = new AvroCodec().parse(SCHEMA);
    const message = {
      subject: `kflow.${name}.work.make`,
      id: "a",
      body: schema.encode({ n: 7 }),
      headers: { "Kflow-Schema": schema.fingerprint },
    };
    assert.equal(await publish(publisher, message), "stored");
    publisher.close();
    const place = { queue, group: `${name}-work`, ackWaitMs: 120_000, maxAckPending: 100 };
    const consumer = await broker.consume(place);
    for (let attempt = 1; attempt <= times; attempt++) {
      const delivery = await receiveOne(consumer);
      assert.equal(delivery.attempt, attempt);
      if (attempt === times) consumer.stop();
      consumer.nak(delivery);
    }
    await consumer.close();
  }

  async function work(name: string, call: () => unknown) {
    const { task } = await runFlow({
      yaml: `
name: ${name}
mode: batch
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${SCHEMA}', out: [work]}
  - {id: work, type: raw, module: ./work.ts, schema: '${SCHEMA}', out: [show], meta: {retry.delay.ms: 1}}
  - {id: show, type: print}
`,
      broker,
      functions: { make: [], work: call },
    });
    return task("work").counts;
  }

  it("are not used up by waiting in workers that end", LONG, async () => {
    await handedOver("waited", 7);
    const counts = await work("waited", () => ({ n: 7 }));
    assert.deepEqual([counts.out, counts.errors, counts.dead], [1, 0, 0]);
    assert.deepEqual(await broker.state.keys("begun"), []);
  });

  it("are counted from then on", LONG, async () => {
    await handedOver("counted", 7);
    let calls = 0;
    const counts = await work("counted", () => {
      calls++;
      throw new Error("never");
    });
    // The first two handings-over count, noted or not.
    assert.deepEqual([calls, counts.errors, counts.dead], [3, 3, 1]);
    assert.deepEqual(await broker.state.keys("begun"), []);
  });

  it(
    "are not kept after a batch, though a worker was killed before it removed them",
    LONG,
    async () => {
      await handedOver("left", 1);
      await broker.state.put("begun.left.work.1-1", "1");
      // What remains of a deletion that was cut off.
      const connection = await connect({ servers: server.tcpUrl });
      const mark = headers();
      mark.set("KV-Operation", "DEL");
      await connection.jetstream().publish("$KV.kflow-state.begun.left.work.2-2", undefined, {
        headers: mark,
      });
      await connection.close();
      assert.equal((await broker.state.keys("begun")).length, 2);
      await work("left", () => ({ n: 7 }));
      assert.deepEqual(await broker.state.keys("begun"), []);
    },
  );
});
