import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { type Broker, type Consumer, isWorkedOff } from "../../src/broker/broker.ts";
import {
  numbered,
  Place,
  publish,
  receiveOne,
  textOf,
} from "../support/in_process/broker_probes.ts";
import { eventually, within } from "../support/waiting.ts";

/** What publishers of every Broker have in common. */
export function testPublisher(brokerOf: () => Broker, anotherOf: () => Broker): void {
  async function join(place: Place, slots = 100, from = brokerOf()): Promise<Consumer> {
    const consumer = await from.consume(place.group());
    consumer.slots = slots;
    return consumer;
  }

  describe("publisher", () => {
    it("a message comes with its subject, id, body and headers", async () => {
      const before = performance.now();
      const place = new Place();
      const consumer = await join(place);
      const publisher = brokerOf().publisher();
      const headers = { "Kflow-Schema": "abc", traceparent: "00-1-2-03" };
      const body = Uint8Array.from([0, 255, 13, 10, 0]);
      assert.equal(
        await publish(publisher, place.message("an-id", { body, headers })),
        "stored",
      );
      const delivery = await receiveOne(consumer);
      assert.equal(delivery.subject, place.subject);
      assert.equal(delivery.id, "an-id");
      assert.deepEqual([...delivery.body], [...body]);
      assert.ok(delivery.body instanceof Uint8Array);
      assert.equal(delivery.header("Kflow-Schema"), "abc");
      assert.equal(delivery.header("traceparent"), "00-1-2-03");
      assert.equal(delivery.header("Absent"), undefined);
      assert.deepEqual(Object.entries(delivery.headers()).slice(0, 2), Object.entries(headers));
      assert.equal(delivery.attempt, 1);
      assert.equal(delivery.sequence, 1);
      assert.match(delivery.timestamp, /^\d{19}$/);
      assert.ok(Math.abs(Date.now() - Number(delivery.timestamp.slice(0, 13))) < 60_000);
      assert.ok(before <= delivery.receivedAt && delivery.receivedAt <= performance.now());
      publisher.close();
      await consumer.close();
    });

    it("an empty body and no headers are a message too", async () => {
      const place = new Place();
      const consumer = await join(place);
      const publisher = brokerOf().publisher();
      await publish(publisher, place.message("x", { body: new Uint8Array() }));
      const delivery = await receiveOne(consumer);
      assert.equal(delivery.body.length, 0);
      assert.equal(delivery.header("Kflow-Schema"), undefined);
      publisher.close();
      await consumer.close();
    });

    it("messages are stored and delivered in the order given", async () => {
      const place = new Place();
      const consumer = await join(place, 700);
      await place.fill(brokerOf(), numbered(2_000));
      const taken: string[] = [];
      while (taken.length < 2_000) {
        for (const delivery of await within(consumer.next(), 10_000, "deliveries")) {
          taken.push(textOf(delivery));
          consumer.ack(delivery);
        }
      }
      assert.deepEqual(taken, numbered(2_000));
      await consumer.close();
    });

    it("a second message with the same id is not stored, even when the first was acked", async () => {
      const place = new Place();
      const consumer = await join(place);
      const publisher = brokerOf().publisher();
      assert.equal(await publish(publisher, place.message("same")), "stored");
      assert.equal(await publish(publisher, place.message("same")), "duplicate");
      consumer.ack(await receiveOne(consumer));
      await eventually(async () => isWorkedOff(await consumer.state()), "ack");
      assert.equal(await publish(publisher, place.message("same")), "duplicate");
      const elsewhere = anotherOf().publisher();
      assert.equal(await publish(elsewhere, place.message("same")), "duplicate");
      assert.equal(await publish(elsewhere, place.message("other")), "stored");
      assert.equal(textOf(await receiveOne(consumer)), "other");
      publisher.close();
      elsewhere.close();
      await consumer.close();
    });

    it("a message larger than the broker takes fails, and the next ones go on", async () => {
      const place = new Place();
      await brokerOf().ensureQueues([place.queue]);
      const publisher = brokerOf().publisher();
      const body = new Uint8Array(brokerOf().maxPayload + 1);
      const large = publish(publisher, place.message("large", { body }));
      const small = publish(publisher, place.message("small"));
      const fate = await within(large, 5_000, "answer");
      assert.ok(fate instanceof Error);
      assert.match(fate.message, new RegExp(`${brokerOf().maxPayload}`));
      assert.equal(await within(small, 5_000, "answer"), "stored");
      publisher.close();
    });

    it("a full stream makes publishers wait; nothing is lost when there is room again", async () => {
      const place = new Place({ maxBytes: 20_000 });
      const consumer = await join(place, 10);
      const publisher = brokerOf().publisher({ limit: 50 });
      const body = new Uint8Array(400);
      const ids = numbered(200);
      const fates = ids.map((id) => publish(publisher, place.message(id, { body })));
      await eventually(async () => (await consumer.state()).bytes > 15_000, "full stream");
      assert.ok(publisher.outstanding >= 100);
      const ready = publisher.ready();
      const none = publisher.ready(undefined, 1).then(() => publisher.outstanding);
      const got = new Set<string>();
      let over = false;
      const take = async () => {
        while (got.size < ids.length && !over) {
          for (const delivery of await consumer.next()) {
            assert.equal(got.has(delivery.id), false, `"${delivery.id}" came twice`);
            got.add(delivery.id);
            consumer.ack(delivery);
          }
          await consumer.tidy();
        }
      };
      await within(take(), 30_000, "end").finally(() => {
        over = true;
        consumer.wake();
      });
      assert.deepEqual(new Set(await Promise.all(fates)), new Set(["stored"]));
      assert.deepEqual([...got].sort(), [...ids].sort());
      assert.equal(publisher.outstanding, 0);
      await ready;
      assert.equal(await none, 0);
      publisher.close();
      await consumer.close();
    });

    it("flush() waits for what was handed over, close() fails what was not stored", async () => {
      const place = new Place({ maxBytes: 1_500 });
      await brokerOf().ensureQueues([place.queue]);
      const publisher = brokerOf().publisher({ limit: 1 });
      await publisher.flush();
      await publisher.ready();
      const first = publish(publisher, place.message("1", { body: new Uint8Array(600) }));
      await within(publisher.flush(), 5_000, "flush");
      assert.equal(await first, "stored");
      const more = numbered(10).map((id) =>
        publish(publisher, place.message(id, { body: new Uint8Array(600) }))
      );
      const end = new AbortController();
      const waiting = Promise.allSettled([
        publisher.ready(end.signal),
        publisher.flush(end.signal),
      ]);
      end.abort();
      await within(waiting, 5_000, "end by signal");
      assert.ok(publisher.outstanding > 0);
      publisher.close();
      assert.ok((await within(Promise.all(more), 1_000, "answers")).at(-1) instanceof Error);
      assert.equal(publisher.outstanding, 0);
      publisher.close();
      assert.ok(await publish(publisher, place.message("3")) instanceof Error);
    });
  });
}
