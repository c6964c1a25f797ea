import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { connect, type NatsConnection } from "nats";
import { dialTcp } from "../../../adapters/shared/node/nats_tcp.ts";
import type { Broker, Consumer, Delivery } from "../../../src/broker/broker.ts";
import { connectNats } from "../../../src/broker/nats/nats_broker.ts";
import { createLogger } from "../../../src/base/log.ts";
import { Secret } from "../../../src/base/secret.ts";
import { Place, publish, receiveOne } from "../../support/in_process/broker_probes.ts";
import { eventually, within } from "../../support/waiting.ts";
import { NatsCluster } from "../../support/servers/nats_cluster.ts";
import type { NatsServer } from "../../support/servers/nats_server.ts";
import { newSecret } from "../../support/run_record.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";

/** A request that no server has taken is noticed by its silence, after 11 s. */
const BEFORE_SILENCE_MS = 10_000;
const DELIVERY_MS = 20_000;

const CLUSTERS: readonly { name: string; version?: "2.9"; denied?: string }[] = [
  { name: "of 2.9 servers", version: "2.9" },
  { name: "of newer servers, that lets nobody hear who leads", denied: "$JS.EVENT.>" },
];

for (const { name, ...options } of CLUSTERS) {
  describe(`a consumer on a cluster ${name}`, { skip: skipOf(options) }, () => {
    const password = newSecret();
    const lines: string[] = [];
    const log = createLogger({ level: "INFO", write: (line) => void lines.push(line) });
    let cluster: NatsCluster;
    let broker: Broker;
    let client: NatsConnection;
    let dead: NatsServer | undefined;

    before(async () => {
      cluster = await NatsCluster.start({ size: 3, user: "flow", password, ...options });
      const { tcpUrl: url } = cluster.servers[0]!;
      const secret = new Secret(password);
      const address = { url, kind: "tcp", dial: dialTcp, user: "flow", password: secret } as const;
      broker = await connectNats({ ...address, replicas: 3, log });
      client = await connect({ servers: url, user: "flow", pass: password });
    });
    after(async () => {
      await client?.close();
      await broker?.close();
      // Without it nobody might read what the others have stored.
      await dead?.restart();
      await cluster?.whole();
      await cluster?.stop();
    });

    it(
      "goes on when its leader dies, with what it has asked for before and after",
      async () => {
        const place = new Place();
        const { stream } = place.queue;
        const { group } = place.group();
        // A cluster that has just come together may have no place for a stream yet.
        const makes = () => broker.ensureQueues([place.queue]).then(() => true, () => false);
        await eventually(makes, "place for a stream");
        const consumer = await broker.consume(place.group({ slots: 2 }));
        const publisher = broker.publisher();
        let leader = "";
        await eventually(async () => {
          leader = await leaderOf(client, stream, group);
          if (leader === "n1" || leader === "n2") return true;
          // No answer is as good as one: the next look says who leads.
          await client.request(`$JS.API.CONSUMER.LEADER.STEPDOWN.${stream}.${group}`)
            .catch(() => {});
          return false;
        }, "leader on another server");
        await publish(publisher, place.message("before"));
        const taken = await receiveOne(consumer, 20_000);
        dead = cluster.servers[leader === "n1" ? 1 : 2];
        await dead!.kill();
        // Nobody is there who would take the request, or say that there is nobody.
        consumer.ack(taken);
        const coming = takeOther(consumer, "before");
        await eventually(
          async () => !["", leader].includes(await leaderOf(client, stream, group)),
          "another leader",
          30_000,
        );
        await publish(publisher, place.message("after"));
        const deadline = options.denied === undefined ? BEFORE_SILENCE_MS : DELIVERY_MS;
        const delivery = await within(coming, deadline, "delivery");
        assert.equal(delivery.id, "after");
        if (options.denied !== undefined) assert.doesNotMatch(lines.join("\n"), /ADVISORY/);
      },
    );
  });
}

function skipOf({ version }: { version?: "2.9" }): string | false {
  return serverSkip(version === undefined ? "nats-server" : "nats-server-2.9");
}

/** Takes the next that is another message: the ack of one may have gone to the dead server. */
async function takeOther(consumer: Consumer, id: string): Promise<Delivery> {
  for (;;) {
    for (const delivery of await consumer.next()) {
      if (delivery.id !== id) return delivery;
      consumer.ack(delivery);
    }
  }
}

/** The name of the server that leads it; empty if none does. */
async function leaderOf(client: NatsConnection, stream: string, group: string): Promise<string> {
  try {
    const manager = await client.jetstreamManager({ timeout: 1_000 });
    return (await manager.consumers.info(stream, group)).cluster?.leader ?? "";
  } catch {
    return "";
  }
}
