import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { connect, type NatsConnection } from "nats";
import { dialTcp } from "../../../../adapters/shared/node/nats_tcp.ts";
import type { Broker } from "../../../../src/broker/broker.ts";
import { connectNats } from "../../../../src/broker/nats/nats_broker.ts";
import { Secret } from "../../../../src/base/secret.ts";
import { Place } from "../../../support/in_process/broker_probes.ts";
import { NatsCluster } from "../../../support/servers/nats_cluster.ts";
import { type NatsServer, startNats } from "../../../support/servers/nats_server.ts";
import { quiet } from "../../../support/in_process/quiet_log.ts";
import { newSecret } from "../../../support/run_record.ts";
import { serverSkip } from "../../../support/servers/server_binary.ts";

const ERRORS = { maxBytes: 1 << 20, duplicateWindowMs: 120_000 };

describe("replicas of streams", { skip: serverSkip("nats-server") }, () => {
  const open: { close(): Promise<void> }[] = [];
  const password = newSecret();
  let cluster: NatsCluster;
  let single: NatsServer;
  let client: NatsConnection;

  before(async () => {
    cluster = await NatsCluster.start({ size: 3, user: "flow", password });
    single = await startNats({ user: "flow", password });
    client = await connect({ servers: cluster.servers[0]!.tcpUrl, user: "flow", pass: password });
  });
  after(async () => {
    for (const each of open) await each.close();
    await client?.close();
    await cluster?.stop();
    await single?.stop();
  });

  async function brokerOn({ tcpUrl: url }: NatsServer, replicas?: number): Promise<Broker> {
    const secret = new Secret(password);
    const address = { url, kind: "tcp", dial: dialTcp, user: "flow", password: secret } as const;
    const broker = await connectNats({ ...address, replicas, log: quiet });
    open.push(broker);
    return broker;
  }

  async function replicasOf(stream: string): Promise<number> {
    return (await (await client.jetstreamManager()).streams.info(stream)).config.num_replicas;
  }

  it("are one, until somebody asks for more; nobody takes one away", async () => {
    const place = new Place();
    const { stream } = place.queue;
    const topic = { subject: `errors-${stream}.all`, ...ERRORS };
    const streams = [stream, "KV_kflow-state", `errors-${stream}`];
    for (const [asked, expected] of [[undefined, 1], [3, 3], [1, 3]] as const) {
      const broker = await brokerOn(cluster.servers[1]!, asked);
      await broker.ensureQueues([place.queue]);
      await broker.state.put(`replicas.${asked}`, "x");
      await broker.ensureTopic(topic, { create: true });
      const found = await Promise.all(streams.map(replicasOf));
      assert.deepEqual(found, [expected, expected, expected], `asked for ${asked}`);
    }
  });

  it("of a stream that somebody else has made stay as they are", async () => {
    const place = new Place();
    const { stream, subjects } = place.queue;
    const manager = await client.jetstreamManager();
    const window = place.queue.duplicateWindowMs * 1_000_000;
    const subject = `foreign-${stream}.all`;
    await manager.streams.add({
      name: stream,
      subjects: [subjects],
      discard: "new" as never,
      duplicate_window: window,
    });
    await manager.streams.add({ name: `foreign-${stream}`, subjects: [subject] });
    const broker = await brokerOn(cluster.servers[2]!, 3);
    await broker.ensureQueues([place.queue]);
    await broker.ensureTopic({ subject, ...ERRORS }, { create: true });
    assert.deepEqual(await Promise.all([stream, `foreign-${stream}`].map(replicasOf)), [1, 1]);
  });

  const ALONE = /the server is not part of a cluster: run it in one, or unset KFLOW_NATS_REPLICAS/;
  const FEW = /needs as many servers that are up and have room: .* set KFLOW_NATS_REPLICAS lower/;
  for (
    const [what, server, remedy] of [
      ["a server without a cluster", () => single, ALONE],
      ["a cluster with fewer servers", () => cluster.servers[0]!, FEW],
    ] as const
  ) {
    it(`that ${what} cannot keep are refused with the remedy`, async () => {
      const { queue } = new Place();
      const broker = await brokerOn(server(), 5);
      const topic = { subject: `more-${queue.stream}.all`, ...ERRORS };
      for (
        const act of [
          () => broker.ensureQueues([queue]),
          () => broker.state.put("key", "value"),
          () => broker.ensureTopic(topic, { create: true }),
        ]
      ) {
        await assert.rejects(act, { name: "StartError", message: remedy });
      }
    });
  }
});
