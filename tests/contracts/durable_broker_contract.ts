import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { type Consumer, isWorkedOff } from "../../src/broker/broker.ts";
import {
  type Fate,
  numbered,
  Place,
  publish,
  receive,
} from "../support/in_process/broker_probes.ts";
import { eventually, within } from "../support/waiting.ts";
import type { BrokerUnderTest } from "./broker_contract.ts";

/** What brokers promise whose messages outlive the process. */
export function testDurableBroker(get: () => BrokerUnderTest): void {
  async function workOff(consumer: Consumer, count: number): Promise<void> {
    let taken = 0;
    while (taken < count) {
      for (const delivery of await within(consumer.next(), 10_000, "deliveries")) {
        taken++;
        consumer.ack(delivery);
      }
    }
    await eventually(async () => isWorkedOff(await consumer.state()), "acks");
  }

  it("a receipt learns where its message lies, a duplicate's where the first one does", async () => {
    const { broker } = get();
    const place = new Place();
    await place.fill(broker, numbered(2));
    const publisher = broker.publisher();
    const told: unknown[] = [];
    for (const id of ["new", "new"]) {
      await new Promise<void>((resolve, reject) =>
        publisher.publish(place.message(id), {
          placed: (sequence) => void told.push(sequence),
          stored(duplicate) {
            told.push(duplicate);
            resolve();
          },
          failed: reject,
        })
      );
    }
    assert.deepEqual(told, [3, false, 3, true]);
    publisher.close();
  });

  describe("janitor", () => {
    it(
      "tidy() removes what is acked and older than the duplicate window, and nothing younger",
      async () => {
        const { broker } = get();
        const place = new Place({ duplicateWindowMs: 1_000 });
        const consumer = await broker.consume(place.group());
        consumer.slots = 100;
        await place.fill(broker, numbered(40, "old"));
        await workOff(consumer, 40);
        assert.deepEqual(await consumer.tidy(), { old: 0, young: 0 });
        await eventually(async () => {
          // The clock of the window is the server's: a message with a known id is stored again when it has passed.
          const publisher = broker.publisher();
          const fate = await publish(publisher, place.message("old39"));
          publisher.close();
          return fate === "stored";
        }, "end of the window");
        await place.fill(broker, numbered(7, "young"));
        await workOff(consumer, 8);
        assert.deepEqual(await consumer.tidy(), { old: 40, young: 0 });
        assert.equal((await consumer.state()).messages, 8);
        await consumer.close();
      },
    );

    it(
      "tidy() removes acked messages younger than the window when the stream is over half full",
      async () => {
        const { broker } = get();
        const place = new Place({ maxBytes: 100_000 });
        const consumer = await broker.consume(place.group());
        consumer.slots = 50;
        await place.fill(broker, numbered(150));
        await workOff(consumer, 150);
        const full = await consumer.state();
        assert.ok(full.bytes < 50_000);
        assert.deepEqual(await consumer.tidy(), { old: 0, young: 0 });
        const publisher = broker.publisher();
        const body = new Uint8Array(1_000);
        await Promise.all(
          numbered(40, "more").map((id) => publish(publisher, place.message(id, { body }))),
        );
        publisher.close();
        await workOff(consumer, 40);
        const { old, young } = await consumer.tidy();
        assert.equal(old, 0);
        assert.ok(young > 0 && young < 190, `${young} were removed`);
        const left = await consumer.state();
        assert.ok(left.bytes <= 50_000 && left.bytes > 20_000, `${left.bytes} bytes are left`);
        await consumer.close();
      },
    );

    it("tidy() removes nothing that another group has not acked", async () => {
      const { broker, another } = get();
      const place = new Place({ maxBytes: 60_000, duplicateWindowMs: 100 });
      const fast = await broker.consume(place.group({ group: "fast" }));
      const slow = await another.consume(place.group({ group: "slow" }));
      fast.slots = 300;
      await place.fill(broker, numbered(150));
      await workOff(fast, 150);
      slow.slots = 300;
      const deliveries = await receive(slow, 150);
      for (const delivery of deliveries.slice(0, 20)) slow.ack(delivery);
      await eventually(async () => (await slow.state()).ackFloor === 20, "ack floor of 20");
      let removed = 0;
      await eventually(async () => {
        const { old, young } = await fast.tidy();
        removed += old + young;
        return removed >= 20;
      }, "removal");
      await fast.tidy();
      assert.equal((await slow.state()).messages, 130);
      await fast.close();
      await slow.close();
    });
  });

  describe("after the server was killed and started again", () => {
    it("ids are remembered, of acked messages too", async () => {
      const { broker, restartServer } = get();
      const place = new Place();
      const consumer = await broker.consume(place.group());
      consumer.slots = 10;
      await place.fill(broker, ["acked", "waiting"]);
      const [acked] = await receive(consumer, 2);
      consumer.ack(acked!);
      await eventually(async () => (await consumer.state()).ackFloor === 1, "ack");
      await consumer.tidy();
      await restartServer!();
      const publisher = broker.publisher();
      assert.equal(
        await within(publish(publisher, place.message("acked")), 15_000, "answer"),
        "duplicate",
      );
      assert.equal(await publish(publisher, place.message("waiting")), "duplicate");
      assert.equal(await publish(publisher, place.message("new")), "stored");
      publisher.close();
      await consumer.close();
    });

    it("messages and state are still there", async () => {
      const { broker, another, restartServer } = get();
      const place = new Place();
      const key = place.queue.stream;
      await place.fill(broker, numbered(10));
      const before = await broker.consume(place.group({ ackWaitMs: 1_000 }));
      before.slots = 10;
      const deliveries = await receive(before, 10);
      for (const delivery of deliveries.slice(0, 4)) before.ack(delivery);
      for (const delivery of deliveries.slice(4)) before.nak(delivery);
      await before.close();
      const revision = await broker.state.put(`finished.${key}`, "yes", { revision: 0 });
      await restartServer!();
      assert.deepEqual(await another.state.get(`finished.${key}`), { value: "yes", revision });
      const consumer = await another.consume(place.group({ ackWaitMs: 1_000 }));
      consumer.slots = 10;
      // A server that is killed may forget the last acks; what was not acked it must deliver.
      const came = new Set<string>();
      await eventually(async () => {
        consumer.wake();
        for (const delivery of await consumer.next()) {
          came.add(delivery.id);
          consumer.ack(delivery);
        }
        return isWorkedOff(await consumer.state());
      }, "end of the queue");
      for (const id of numbered(10).slice(4)) assert.ok(came.has(id), `"${id}" is lost`);
      await consumer.close();
    });

    it("a waiting consumer gets what comes then", async () => {
      const { broker, another, restartServer } = get();
      const place = new Place();
      const consumer = await broker.consume(place.group());
      const waiting = consumer.next();
      await restartServer!();
      await place.fill(another, ["a"]);
      const [delivery] = await within(waiting, 15_000, "delivery");
      assert.equal(delivery!.id, "a");
      consumer.ack(delivery!);
      await consumer.close();
    });
  });

  /** Messages go from one queue to the next while `disturb` is called; every one must arrive, and none be stored twice. */
  async function copy(disturb: () => void | Promise<void>): Promise<void> {
    const { broker } = get();
    const count = 4_000;
    const [from, to] = [new Place(), new Place()];
    await from.fill(broker, numbered(count));
    await broker.ensureQueues([to.queue]);
    const consumer = await broker.consume(from.group({ ackWaitMs: 2_000 }));
    consumer.slots = 64;
    const publisher = broker.publisher();
    let stored = 0;
    const failures: Error[] = [];
    const acked = new Set<string>();
    let over = false;
    const run = async () => {
      while (acked.size < count && !over) {
        for (const delivery of await consumer.next()) {
          publisher.publish(to.message(delivery.id), {
            stored(duplicate) {
              if (!duplicate) stored++;
              acked.add(delivery.id);
              consumer.ack(delivery);
              if (acked.size === count) consumer.wake();
            },
            failed: (error) => void failures.push(error),
          });
        }
      }
    };
    const running = within(run(), 40_000, "end").catch((error) => {
      over = true;
      consumer.wake();
      throw new Error(`${error.message}: ${acked.size} of ${count} are done`);
    });
    for (const share of [0.15, 0.5, 0.8]) {
      await eventually(() => acked.size >= count * share, "progress", 20_000);
      await disturb();
    }
    await running;
    assert.deepEqual(failures, []);
    assert.ok(stored <= count);
    publisher.close();
    await within(consumer.close(), 10_000, "close");
    const reader = await broker.consume(to.group({ maxAckPending: 2 * count }));
    assert.equal((await reader.state()).messages, count);
    reader.slots = 5_000;
    const ids = (await receive(reader, count, 20_000)).map((delivery) => delivery.id);
    assert.equal(new Set(ids).size, count);
    await reader.close();
    const left = await broker.consume(from.group({ ackWaitMs: 2_000 }));
    left.slots = 100;
    await eventually(async () => {
      left.wake();
      for (const delivery of await left.next()) left.ack(delivery);
      return isWorkedOff(await left.state());
    }, "end of the input queue");
    await left.close();
  }

  describe("while messages flow", () => {
    it("a killed and restarted server loses nothing and doubles nothing", async () => {
      await copy(() => get().restartServer!());
    });

    it("a cut connection loses nothing and doubles nothing", async () => {
      await copy(() => get().cutConnection!());
    });

    it(
      "an idle consumer whose connection was cut goes on waiting, and gets what comes",
      async () => {
        const { broker, another, cutConnection } = get();
        const place = new Place();
        const consumer = await broker.consume(place.group({ ackWaitMs: 3_000 }));
        consumer.slots = 50;
        for (let round = 0; round < 3; round++) {
          const waiting = consumer.next();
          cutConnection!();
          await eventually(() => broker.isConnected(), "connection");
          await place.fill(another, [`round${round}`]);
          const [delivery] = await within(waiting, 10_000, "delivery");
          assert.equal(delivery!.id, `round${round}`);
          consumer.ack(delivery!);
        }
        await eventually(async () => isWorkedOff(await consumer.state()), "acks");
        const pending: Promise<Fate>[] = [];
        const publisher = broker.publisher();
        for (const id of numbered(20)) pending.push(publish(publisher, place.message(id)));
        cutConnection!();
        assert.deepEqual(
          new Set(
            (await within(Promise.all(pending), 15_000, "confirmations")).filter((fate) =>
              fate instanceof Error
            ),
          ),
          new Set(),
        );
        const ids = new Set<string>();
        while (ids.size < 20) {
          for (const delivery of await within(consumer.next(), 10_000, "deliveries")) {
            ids.add(delivery.id);
            consumer.ack(delivery);
          }
        }
        publisher.close();
        await consumer.close();
      },
    );
  });
}
