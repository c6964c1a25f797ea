import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { connect } from "nats";
import type { Broker, QueueSpec } from "../../../../src/broker/broker.ts";
import { connectNats } from "../../../../src/broker/nats/nats_broker.ts";
import { StartError } from "../../../../src/base/errors.ts";
import { Secret } from "../../../../src/base/secret.ts";
import { Place, publish } from "../../../support/in_process/broker_probes.ts";
import { eventually } from "../../../support/waiting.ts";
import { onNats } from "../../../support/in_process/on_nats.ts";
import { quiet } from "../../../support/in_process/quiet_log.ts";

const MIB = 2 ** 20;

function queues(flow: string, count: number, maxBytes = 16 * MIB): QueueSpec[] {
  return Array.from({ length: count }, (_, i) => ({
    stream: `kflow-${flow}-t${i}`,
    subjects: `kflow.${flow}.t${i}.>`,
    maxBytes,
    duplicateWindowMs: 120_000,
    sizedBy: `the size of t${i}`,
  }));
}

async function refusal(broker: Broker, wanted: readonly QueueSpec[]): Promise<string> {
  const error = await broker.ensureQueues(wanted).then(() => undefined, (caught) => caught);
  assert.ok(error instanceof StartError, String(error));
  assert.equal(error.transient, false);
  return error.message;
}

async function streamsOf(broker: Broker, flow: string): Promise<string[]> {
  return (await broker.queuesUnder!(`kflow.${flow}.>`)).map(({ stream }) => stream).sort();
}

onNats("streams for which a server has no room", (given) => {
  it("are refused together, with what they need, and none is left behind", async () => {
    const message = await refusal(given.broker, queues("refused", 5));
    assert.match(
      message,
      /^Cannot make stream "kflow-refused-t4": insufficient storage [^;]*; it reserves 16 MiB: give the server or the account more room, or set the size of t4 lower. None was kept: the flow needs 5 more streams, which reserve 80 MiB together$/,
    );
    assert.deepEqual(await streamsOf(given.broker, "refused"), []);
    await given.broker.ensureQueues(queues("fits", 4));
    assert.equal((await streamsOf(given.broker, "fits")).length, 4);
    const nc = await connect({ servers: given.server.tcpUrl });
    const jsm = await nc.jetstreamManager();
    for (const stream of await streamsOf(given.broker, "fits")) await jsm.streams.delete(stream);
    await nc.close();
  });

  it("leave those alone that were there, and those that are in use meanwhile", async () => {
    const { broker, server } = given;
    const [first, ...others] = queues("used", 5);
    await broker.ensureQueues([first!]);
    const publisher = broker.publisher();
    // It finds its stream as soon as that is there, and is confirmed before or after the refusal.
    const fate = publish(publisher, {
      subject: "kflow.used.t1.x",
      id: "1",
      body: new Uint8Array(1),
    });
    await refusal(broker, [first!, ...others]);
    const left = await streamsOf(broker, "used");
    assert.ok(left.includes("kflow-used-t0"));
    await broker.ensureQueues([others[0]!]);
    assert.equal(await fate, "stored");
    const nc = await connect({ servers: server.tcpUrl });
    const jsm = await nc.jetstreamManager();
    await eventually(
      async () => (await jsm.streams.info("kflow-used-t1")).state.messages === 1,
      "message that was confirmed",
    );
    publisher.close();
    await nc.close();
  });

  it("are made where an earlier process ended while it removed them", async () => {
    const { broker, server } = given;
    const [queue] = queues("parked", 1, MIB);
    await broker.ensureQueues([queue!]);
    const nc = await connect({ servers: server.tcpUrl });
    const jsm = await nc.jetstreamManager();
    await jsm.streams.update("kflow-parked-t0", { subjects: ["kflow-parked-t0.removed"] });
    await broker.ensureQueues([queue!]);
    assert.deepEqual((await jsm.streams.info("kflow-parked-t0")).config.subjects, [
      queue!.subjects,
    ]);
    await nc.close();
  });
}, { maxFileStore: 64 * MIB });

onNats("streams that an account has no room for", (given) => {
  async function asUser(user: string, use: (broker: Broker) => Promise<void>): Promise<void> {
    const broker = await connectNats({
      url: given.server.wsUrl,
      kind: "websocket",
      user,
      password: new Secret("x"),
      log: quiet,
    });
    try {
      await use(broker);
    } finally {
      await broker.close();
    }
  }

  it("are refused before the first is made", () =>
    asUser("bytes", async (broker) => {
      await broker.ensureQueues(queues("there", 1));
      assert.equal(
        await refusal(broker, queues("much", 4)),
        "Cannot make the flow's streams: the flow needs 4 more streams, which reserve 64 MiB together, and the account has 48 MiB left of 64 MiB; raise its limits, or set KFLOW_STREAM_BYTES, KFLOW_DEAD_LETTER_BYTES or stream.max.bytes of tasks lower",
      );
      assert.deepEqual(await streamsOf(broker, "much"), []);
      await broker.ensureQueues(queues("much", 3));
    }));

  it("are refused when they are too many", () =>
    asUser("count", async (broker) => {
      assert.match(
        await refusal(broker, queues("many", 4, MIB)),
        /^Cannot make the flow's streams: the flow needs 4 more streams, .*, and the account has 0 streams of 3; raise its limits$/,
      );
      assert.deepEqual(await streamsOf(broker, "many"), []);
    }));

  it(
    "are refused when one is larger than a stream may be",
    () =>
      asUser("large", async (broker) => {
        const wanted = [...queues("large", 2, MIB), new Place({ maxBytes: 32 * MIB }).queue];
        assert.match(
          await refusal(broker, wanted),
          /it reserves 32 MiB: .*\. None was kept: the flow needs 3 more streams/,
        );
        assert.deepEqual(await streamsOf(broker, "large"), []);
      }),
  );
}, {
  config: `
    accounts {
      BYTES { jetstream { max_file: 67108864 }, users: [{ user: bytes, password: x }] }
      COUNT { jetstream { max_file: 1G, max_streams: 3 }, users: [{ user: count, password: x }] }
      LARGE { jetstream { max_file: 1G, disk_max_stream_bytes: 16M }, users: [{ user: large, password: x }] }
      OPEN { jetstream: enabled, users: [{ user: open, password: x }] }
    }
    no_auth_user: open`,
});
