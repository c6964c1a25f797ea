import assert from "node:assert/strict";
import { after, before, describe, it } from "@std/testing/bdd";
import { connect, type NatsConnection, RetentionPolicy, type StreamAPI } from "nats";
import type { Broker } from "../../../src/broker/broker.ts";
import { connectNats } from "../../../src/broker/nats/nats_broker.ts";
import { receive, textOf } from "../../support/in_process/broker_probes.ts";
import { eventually } from "../../support/waiting.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { quiet } from "../../support/in_process/quiet_log.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";

describe("a reader of a stream that others have made", { skip: serverSkip("nats-server") }, () => {
  let server: NatsServer;
  let broker: Broker;
  let client: NatsConnection;
  let streams: StreamAPI;

  before(async () => {
    server = await startNats();
    broker = await connectNats({ url: server.wsUrl, kind: "websocket", log: quiet });
    client = await connect({ servers: server.tcpUrl });
    streams = (await client.jetstreamManager()).streams;
  });
  after(async () => {
    await broker?.close();
    await client?.close();
    await server?.stop();
  });

  function read(stream: string, group = "readers") {
    const subject = `${stream}.x`;
    return broker.read({ stream, subject, group, ackWaitMs: 30_000, maxAckPending: 100 });
  }

  async function put(stream: string, count: number): Promise<void> {
    for (let n = 0; n < count; n++) await client.jetstream().publish(`${stream}.x`, `m${n}`);
  }

  for (
    const retention of [
      RetentionPolicy.Limits,
      RetentionPolicy.Interest,
      RetentionPolicy.Workqueue,
    ]
  ) {
    it(`reads retention ${retention} and changes nothing of its configuration`, async () => {
      const name = `of-${retention}`;
      const { config } = await streams.add({ name, subjects: [`${name}.>`], retention });
      const consumer = await read(name);
      consumer.slots = 10;
      await put(name, 5);
      const deliveries = await receive(consumer, 5);
      assert.deepEqual(deliveries.map(textOf), ["m0", "m1", "m2", "m3", "m4"]);
      for (const delivery of deliveries) consumer.ack(delivery);
      await consumer.close();
      const kept = retention === RetentionPolicy.Limits ? 5 : 0;
      await eventually(async () => (await streams.info(name)).state.messages === kept, "removal");
      assert.deepEqual((await streams.info(name)).config, config);
    });
  }

  it("says what to do when a work queue has another group already", async () => {
    const name = "taken";
    await streams.add({ name, subjects: [`${name}.>`], retention: RetentionPolicy.Workqueue });
    const first = await read(name, "first");
    await assert.rejects(
      read(name, "second"),
      /^StartError: Cannot join group "second" on stream "taken": .*; the stream is a work queue, .*: use that group's groupId/,
    );
    await first.close();
  });

  it("refuses a consumer of that name which takes other subjects too", async () => {
    const name = "wide";
    await streams.add({ name, subjects: [`${name}.>`] });
    const { consumers } = await client.jetstreamManager();
    await consumers.add(name, { durable_name: "readers", ack_policy: "explicit" as never });
    await assert.rejects(read(name), /takes every subject of the stream; remove it with/);
  });

  it("reads on when the stream was removed and made again", async () => {
    const name = "anew";
    await streams.add({ name, subjects: [`${name}.>`] });
    await put(name, 1);
    const consumer = await read(name);
    consumer.slots = 10;
    const [first] = await receive(consumer, 1);
    consumer.ack(first!);
    await streams.delete(name);
    await streams.add({ name, subjects: [`${name}.>`] });
    await put(name, 2);
    const later = await receive(consumer, 2, 30_000);
    assert.deepEqual(later.map(({ sequence }) => sequence), [1, 2]);
    assert.notEqual(later[0]!.timestamp, first!.timestamp);
    await consumer.close();
  });
});
