import assert from "node:assert/strict";
import process from "node:process";
import { after, before, describe, it } from "@std/testing/bdd";
import type { Broker, Delivery } from "../../../src/broker/broker.ts";
import { connectNats, type NatsOptions } from "../../../src/broker/nats/nats_broker.ts";
import { dialTcp } from "../../../adapters/shared/node/nats_tcp.ts";
import { numbered, Place, publish } from "../../support/in_process/broker_probes.ts";
import { eventually, within } from "../../support/waiting.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { quiet } from "../../support/in_process/quiet_log.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";
import { startTcpProxy, type TcpProxy } from "../../support/servers/tcp_proxy.ts";

for (const kind of ["websocket", "tcp"] as const) {
  describe(`NATS over ${kind} with faults`, { skip: serverSkip("nats-server") }, () => {
    let server: NatsServer;
    let proxy: TcpProxy;
    let broker: Broker;

    /** Behind the proxy. */
    const connect = (times: Pick<NatsOptions, "pingMs" | "stuckMs" | "answerMs"> = {}) =>
      connectNats({
        url: `${kind === "tcp" ? "nats" : "ws"}://127.0.0.1:${proxy.port}`,
        kind,
        dial: dialTcp,
        log: quiet,
        ...times,
      });

    before(async () => {
      server = await startNats();
      proxy = await startTcpProxy(kind === "tcp" ? server.tcpPort : server.wsPort);
      broker = await connect({ pingMs: 400, stuckMs: 2_000, answerMs: 1_000 });
    });
    after(async () => {
      await broker?.close();
      await proxy?.stop();
      await server?.stop();
    });

    /** A consumer waits, a publisher has messages under way, then something happens; all must come. */
    async function survives(fault: () => void | Promise<void>, body: number): Promise<void> {
      const place = new Place();
      const consumer = await broker.consume(place.group({ ackWaitMs: 3_000 }));
      consumer.slots = 200;
      const publisher = broker.publisher();
      await publish(publisher, place.message("first"));
      await fault();
      const ids = numbered(20);
      const fates = ids.map((id) =>
        publish(publisher, place.message(id, { body: new Uint8Array(body) }))
      );
      const got = new Set<string>();
      const read = async () => {
        while (got.size < 21) {
          const deliveries = await consumer.next();
          for (const delivery of deliveries) {
            got.add(delivery.id);
            consumer.ack(delivery);
          }
        }
      };
      await within(read(), 30_000, "deliveries");
      for (const fate of await within(Promise.all(fates), 10_000, "confirmations")) {
        assert.ok(fate === "stored" || fate === "duplicate");
      }
      await eventually(async () => (await consumer.state()).ackFloor >= 21, "acks");
      assert.equal((await consumer.state()).messages, 21);
      publisher.close();
      await consumer.close();
    }

    it("a half-open connection is given up and made again", async () => {
      await survives(() => proxy.stall(), 10);
    });

    it(
      "a half-open connection with megabytes unsent is given up and made again",
      async () => {
        await survives(() => proxy.stall(), 900_000);
      },
    );

    it("what was acked on a half-open connection counts when it is made again", async () => {
      const slow = await connect();
      try {
        const place = new Place();
        const consumer = await slow.consume(place.group({ ackWaitMs: 60_000 }));
        const publisher = slow.publisher();
        for (const id of numbered(20)) await publish(publisher, place.message(id));
        consumer.slots = 20;
        const taken: Delivery[] = [];
        while (taken.length < 20) taken.push(...await consumer.next());
        proxy.stall();
        for (const delivery of taken) consumer.ack(delivery);
        // Not answered while the connection is half open; how short it is away between the two cannot be seen from here.
        const floor = () => consumer.state().then(({ ackFloor }) => ackFloor, () => 0);
        await eventually(async () => await floor() === 20, "acks", 35_000);
      } finally {
        await slow.close();
      }
    });

    it("a server that stands still for a while", async () => {
      await survives(() => {
        const { pid } = server;
        process.kill(pid, "SIGSTOP");
        setTimeout(() => process.kill(pid, "SIGCONT"), 3_000);
      }, 10);
    });

    it("a server that is away for a while", async () => {
      await survives(async () => {
        await proxy.down();
        await eventually(() => !broker.isConnected(), "loss of the connection");
        setTimeout(() => void proxy.up(), 3_000);
      }, 10);
    });

    it("a call that gets no answer in time rejects and may be made again", async () => {
      const place = new Place();
      await broker.ensureQueues([place.queue]);
      await proxy.down();
      await assert.rejects(broker.ensureQueues([place.queue]), { name: "BrokerError" });
      await proxy.up();
      await eventually(() => broker.isConnected(), "connection");
      await broker.ensureQueues([place.queue]);
    });

    it("a message without a stream waits until there is one", async () => {
      const place = new Place();
      const publisher = broker.publisher();
      const fate = publish(publisher, place.message("early"));
      await publish(publisher, new Place().message("x", { subject: "a b" }));
      assert.equal(publisher.outstanding, 1);
      await broker.ensureQueues([place.queue]);
      assert.equal(await within(fate, 10_000, "answer"), "stored");
      publisher.close();
    });

    it("close() ends in time while the server is away", async () => {
      const ending = await connect();
      const place = new Place();
      const consumer = await ending.consume(place.group());
      const waiting = consumer.next();
      await proxy.down();
      await within(ending.close(), 8_000, "close");
      assert.deepEqual(await waiting, []);
      await proxy.up();
      await eventually(() => broker.isConnected(), "connection");
    });
  });
}
