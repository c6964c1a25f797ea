import assert from "node:assert/strict";
import { after, before, describe, it } from "@std/testing/bdd";
import { connect, type NatsConnection } from "nats";
import type { Broker, OutMessage } from "../../../../src/broker/broker.ts";
import { connectNats } from "../../../../src/broker/nats/nats_broker.ts";
import { covers } from "../../../../src/broker/nats/admin/stream.ts";
import { StartError } from "../../../../src/base/errors.ts";
import { createLogger } from "../../../../src/base/log.ts";
import { Secret } from "../../../../src/base/secret.ts";
import {
  nothingFor,
  Place,
  publish,
  receiveOne,
} from "../../../support/in_process/broker_probes.ts";
import { eventually, within } from "../../../support/waiting.ts";
import { type NatsServer, startNats } from "../../../support/servers/nats_server.ts";
import { quiet } from "../../../support/in_process/quiet_log.ts";
import { serverSkip } from "../../../support/servers/server_binary.ts";

const SECOND = 1_000_000_000;

describe("NATS queues", { skip: serverSkip("nats-server") }, () => {
  let server: NatsServer;
  let broker: Broker;
  let admin: NatsConnection;

  before(async () => {
    server = await startNats({
      config: `
        authorization { users: [
          { user: "all", password: "x" }
          { user: "some", password: "x", permissions { publish: { deny: "kflow.denied.>" } } }
        ] }`,
    });
    broker = await connectNats({
      url: server.wsUrl,
      kind: "websocket",
      user: "all",
      password: new Secret("x"),
      log: quiet,
    });
    admin = await connect({ servers: server.tcpUrl, user: "all", pass: "x" });
  });
  after(async () => {
    await broker?.close();
    await admin?.close();
    await server?.stop();
  });

  async function api(name: string, body?: unknown) {
    const answer = await admin.request(`$JS.API.${name}`, body ? JSON.stringify(body) : "");
    const parsed = JSON.parse(answer.string());
    assert.equal(parsed.error, undefined);
    return parsed;
  }

  async function foreignStream(place: Place, config: Record<string, unknown>): Promise<void> {
    await api(`STREAM.CREATE.${place.queue.stream}`, {
      name: place.queue.stream,
      subjects: [place.queue.subjects],
      retention: "limits",
      storage: "file",
      discard: "new",
      max_bytes: 1_000_000,
      duplicate_window: 600 * SECOND,
      ...config,
    });
  }

  it("a queue for which the server has no room says how much it reserves and what to do", async () => {
    const place = new Place({ maxBytes: 2 ** 50, sizedBy: 'stream.max.bytes of task "x"' });
    const { message } = await broker.ensureQueues([place.queue]).then(
      () => assert.fail(),
      (error) => {
        assert.ok(error instanceof StartError);
        return error;
      },
    );
    assert.match(
      message,
      /insufficient storage .* it reserves 1073741824 MiB: .*stream\.max\.bytes/,
    );
  });

  it("the stream keeps messages by limits, in files, refuses new ones when full and remembers ids", async () => {
    const place = new Place({ maxBytes: 5_000_000, duplicateWindowMs: 600_000 });
    const consumer = await broker.consume(place.group({ ackWaitMs: 12_000, maxAckPending: 77 }));
    const { config } = await api(`STREAM.INFO.${place.queue.stream}`);
    assert.equal(config.retention, "limits");
    assert.equal(config.storage, "file");
    assert.equal(config.discard, "new");
    assert.equal(config.max_bytes, 5_000_000);
    assert.equal(config.duplicate_window, 600 * SECOND);
    assert.deepEqual(config.subjects, [place.queue.subjects]);
    const info = await api(`CONSUMER.INFO.${place.queue.stream}.workers`);
    assert.equal(info.config.ack_policy, "explicit");
    assert.equal(info.config.ack_wait, 12 * SECOND);
    assert.equal(info.config.max_deliver, -1);
    assert.equal(info.config.max_ack_pending, 77);
    await consumer.close();
  });

  for (
    const [what, config, text] of [
      ["another retention", { retention: "workqueue" }, '"workqueue"'],
      ["another discard policy", { discard: "old" }, "--discard new"],
      ["memory storage", { storage: "memory" }, '"memory"'],
      ["a shorter duplicate window", { duplicate_window: 60 * SECOND }, "--dupe-window 600s"],
      ["other subjects", { subjects: ["elsewhere.one"] }, "elsewhere.one"],
    ] as const
  ) {
    it(`a stream with ${what} is refused with its name and the remedy`, async () => {
      const place = new Place({ duplicateWindowMs: 600_000 });
      await foreignStream(place, config);
      const error = await broker.ensureQueues([place.queue]).then(
        () => undefined,
        (caught) => caught,
      );
      assert.ok(error instanceof StartError);
      assert.ok(error.message.includes(`"${place.queue.stream}"`), error.message);
      assert.ok(error.message.includes(text), error.message);
      await api(`STREAM.DELETE.${place.queue.stream}`);
    });
  }

  it("a longer window on a stream of others is fine and nothing in it is changed", async () => {
    const place = new Place({ maxBytes: 9_000_000, duplicateWindowMs: 300_000 });
    await foreignStream(place, {});
    await broker.ensureQueues([place.queue]);
    const { config } = await api(`STREAM.INFO.${place.queue.stream}`);
    assert.equal(config.max_bytes, 1_000_000);
    assert.equal(config.duplicate_window, 600 * SECOND);
  });

  it("limits of a stream of ours are raised, never lowered", async () => {
    const place = new Place({ maxBytes: 2_000_000, duplicateWindowMs: 200_000 });
    await broker.ensureQueues([place.queue]);
    const limits = async () => {
      const { config } = await api(`STREAM.INFO.${place.queue.stream}`);
      return [config.max_bytes, config.duplicate_window];
    };
    await broker.ensureQueues([{
      ...place.queue,
      maxBytes: 3_000_000,
      duplicateWindowMs: 400_000,
    }]);
    assert.deepEqual(await limits(), [3_000_000, 400 * SECOND]);
    await broker.ensureQueues([place.queue]);
    assert.deepEqual(await limits(), [3_000_000, 400 * SECOND]);
  });

  it("a queue with an age shorter than the window is made all the same", async () => {
    const place = new Place({ maxAgeMs: 60_000, duplicateWindowMs: 600_000 });
    await broker.ensureQueues([place.queue]);
    await broker.ensureQueues([place.queue]);
    const { config } = await api(`STREAM.INFO.${place.queue.stream}`);
    assert.equal(config.max_age, 60 * SECOND);
  });

  it("an existing consumer gets our ack wait and the larger limit", async () => {
    const place = new Place();
    const first = await broker.consume(place.group({ ackWaitMs: 5_000, maxAckPending: 50 }));
    await first.close();
    const second = await broker.consume(place.group({ ackWaitMs: 9_000, maxAckPending: 20 }));
    const { config } = await api(`CONSUMER.INFO.${place.queue.stream}.workers`);
    assert.equal(config.ack_wait, 9 * SECOND);
    assert.equal(config.max_ack_pending, 50);
    await second.close();
  });

  it("a changed ack wait is told in one line with the old and the new value, and an unchanged one is not", async () => {
    const lines: Record<string, unknown>[] = [];
    const told = await connectNats({
      url: server.wsUrl,
      kind: "websocket",
      user: "all",
      password: new Secret("x"),
      log: createLogger({ level: "INFO", write: (line) => void lines.push(JSON.parse(line)) }),
    });
    const place = new Place();
    for (const ackWaitMs of [5_000, 5_000, 9_000, 9_000]) {
      const consumer = await told.consume(place.group({ ackWaitMs }));
      await consumer.close();
    }
    await told.close();
    const changes = lines.filter(({ fromMs }) => fromMs !== undefined);
    assert.deepEqual(changes.map(({ time: _, ...line }) => line), [{
      level: "INFO",
      message: "Ack wait of the group is changed, as max.poll.interval.ms says now",
      stream: place.queue.stream,
      group: "workers",
      fromMs: 5_000,
      toMs: 9_000,
    }]);
    assert.deepEqual(lines.filter(({ message }) => /changed settings/.test(String(message))), []);
  });

  it("after the ack wait was lengthened what is handed over keeps for the longer time", async () => {
    const place = new Place();
    const first = await broker.consume(place.group({ ackWaitMs: 500 }));
    await first.close();
    await place.fill(broker, ["a"]);
    const second = await broker.consume(place.group({ ackWaitMs: 30_000 }));
    const delivery = await receiveOne(second);
    await nothingFor(second, 1_500);
    second.ack(delivery);
    await second.close();
  });

  it("a consumer that pushes is refused", async () => {
    const place = new Place();
    await broker.ensureQueues([place.queue]);
    const { stream } = place.queue;
    await api(`CONSUMER.DURABLE.CREATE.${stream}.workers`, {
      stream_name: stream,
      config: { durable_name: "workers", ack_policy: "explicit", deliver_subject: "push.here" },
    });
    await assert.rejects(broker.consume(place.group()), (error: Error) => {
      return error instanceof StartError && error.message.includes('"push.here"');
    });
  });

  it("a consumer that somebody removes is made again, and the queue goes on", async () => {
    const place = new Place();
    const consumer = await broker.consume(place.group());
    const waiting = consumer.next();
    await eventually(async () => {
      return (await api(`CONSUMER.INFO.${place.queue.stream}.workers`)).num_waiting > 0;
    }, "open request");
    await api(`CONSUMER.DELETE.${place.queue.stream}.workers`);
    await place.fill(broker, ["a"]);
    const [delivery] = await within(waiting, 10_000, "delivery");
    assert.equal(delivery!.id, "a");
    consumer.ack(delivery!);
    await consumer.close();
  });

  it("after the stream was removed and made anew messages get through again", async () => {
    const place = new Place();
    const consumer = await broker.consume(place.group());
    await place.fill(broker, ["a"]);
    const before = await receiveOne(consumer);
    consumer.ack(before);
    const waiting = consumer.next();
    await api(`STREAM.DELETE.${place.queue.stream}`);
    const publisher = broker.publisher();
    assert.equal(await within(publish(publisher, place.message("b")), 15_000, "answer"), "stored");
    const [after] = await within(waiting, 10_000, "delivery");
    assert.equal(after!.sequence, before.sequence);
    assert.notEqual(after!.timestamp, before.timestamp);
    consumer.ack(after!);
    publisher.close();
    await consumer.close();
  });

  it("a publication that the server denies fails, and others go on", async () => {
    const limited = await connectNats({
      url: server.wsUrl,
      kind: "websocket",
      user: "some",
      password: new Secret("x"),
      log: quiet,
    });
    const place = new Place();
    await limited.ensureQueues([place.queue]);
    const publisher = limited.publisher();
    const denied = publish(publisher, place.message("x", { subject: "kflow.denied.a.b" }));
    const allowed = publish(publisher, place.message("y"));
    const fate = await within(denied, 5_000, "answer");
    assert.ok(fate instanceof Error && fate.message.includes('"kflow.denied.a.b"'));
    assert.equal(await within(allowed, 5_000, "answer"), "stored");
    await limited.close();
  });

  it("what cannot be a subject, an id or a header is not sent", async () => {
    const place = new Place();
    await broker.ensureQueues([place.queue]);
    const publisher = broker.publisher();
    const mistakes: Partial<OutMessage>[] = [
      { subject: "a b" },
      { subject: "a..b" },
      { subject: "a.*" },
      { subject: "a.>" },
      { subject: "" },
      { subject: "a\r\nPUB x 0\r\n" },
      { id: "with space" },
      { id: "with\nline" },
      { headers: { "A": "x\r\nB: y" } },
      { headers: { "A B": "x" } },
    ];
    for (const wrong of mistakes) {
      const fate = await within(publish(publisher, place.message("id", wrong)), 1_000, "answer");
      assert.ok(fate instanceof RangeError, JSON.stringify(wrong));
    }
    assert.equal(await publish(publisher, place.message("fine")), "stored");
    publisher.close();
  });

  it("headers of a delivery may be passed on whole; the message's own id wins", async () => {
    const place = new Place();
    const consumer = await broker.consume(place.group());
    const publisher = broker.publisher();
    const headers = { "Kflow-Schema": "ü", "Nats-Msg-Id": "old" };
    await publish(publisher, place.message("new", { headers }));
    const delivery = await receiveOne(consumer);
    assert.equal(delivery.id, "new");
    assert.deepEqual(delivery.headers(), { "Kflow-Schema": "ü", "Nats-Msg-Id": "new" });
    publisher.close();
    await consumer.close();
  });
});

describe("covers()", () => {
  it("says whether everything that matches the one matches the other", () => {
    for (const [outer, inner] of [["a.>", "a.b.>"], ["a.*", "a.b"], ["a.b", "a.b"], [">", "a"]]) {
      assert.ok(covers(outer!, inner!), `${outer} ${inner}`);
    }
    for (const [outer, inner] of [["a.b", "a.>"], ["a.*", "a.>"], ["a.>", "a"], ["a.b", "a.b.c"]]) {
      assert.equal(covers(outer!, inner!), false, `${outer} ${inner}`);
    }
  });
});
