import assert from "node:assert/strict";
import { after, before, describe, it } from "@std/testing/bdd";
import { type Broker, type Consumer, isWorkedOff } from "../../src/broker/broker.ts";
import {
  nothingFor,
  numbered,
  Place,
  publish,
  receive,
  receiveOne,
} from "../support/in_process/broker_probes.ts";
import { eventually, within } from "../support/waiting.ts";
import { testPublisher } from "./publisher_contract.ts";
import { testTopics } from "./topic_contract.ts";
import { testDurableBroker } from "./durable_broker_contract.ts";

/** Facts about an implementation. */
export interface BrokerFeatures {
  /** Messages outlive the process: `restartServer` and `cutConnection` are there, and acked messages stay until `tidy()`. */
  durable: boolean;
}

export interface BrokerUnderTest {
  broker: Broker;
  /** The same broker as another process sees it. */
  another: Broker;
  /** Kills the server and starts it again; returns when it answers. */
  restartServer?(): Promise<void>;
  /** Breaks the connections, which may be made again at once. */
  cutConnection?(): void;
  end(): Promise<void>;
}

/** What every Broker has in common: one test per sentence of the port. */
export function testBroker(
  name: string,
  features: BrokerFeatures,
  make: () => Promise<BrokerUnderTest>,
): void {
  describe(`${name} broker`, () => {
    let under: BrokerUnderTest;
    let broker: Broker;

    before(async () => {
      under = await make();
      broker = under.broker;
    });
    after(() => under?.end());

    async function join(place: Place, slots = 100, from = broker): Promise<Consumer> {
      const consumer = await from.consume(place.group());
      consumer.slots = slots;
      return consumer;
    }

    it("says whether it is durable and connected", () => {
      assert.equal(broker.durable, features.durable);
      assert.equal(broker.isConnected(), true);
      assert.ok(broker.maxPayload >= 1024);
    });

    testTopics(features, () => broker, () => under.another);

    testPublisher(() => broker, () => under.another);

    describe("consumer", () => {
      it("a delivery that is not settled comes again after the ack wait, as the same message", async () => {
        const place = new Place();
        await place.fill(broker, ["a"]);
        const consumer = await broker.consume(place.group({ ackWaitMs: 400 }));
        consumer.slots = 10;
        const first = await receiveOne(consumer);
        const second = await receiveOne(consumer);
        assert.ok(second.receivedAt - first.receivedAt >= 300);
        assert.equal(first.attempt, 1);
        assert.equal(second.attempt, 2);
        assert.equal(second.sequence, first.sequence);
        assert.equal(second.timestamp, first.timestamp);
        assert.equal(second.id, first.id);
        assert.deepEqual(second.body, first.body);
        consumer.ack(second);
        consumer.forget(first);
        await consumer.close();
      });

      it("a delivery whose ack wait passes goes to whoever has a free slot, not to its late holder", async () => {
        const place = new Place();
        await place.fill(broker, ["a"]);
        const late = await broker.consume(place.group({ ackWaitMs: 400 }));
        const first = await receiveOne(late);
        const other = await broker.consume(place.group({ ackWaitMs: 400 }));
        for (const attempt of [2, 3]) {
          const again = await receiveOne(other);
          assert.equal(again.attempt, attempt);
          if (attempt === 2) other.forget(again);
          else other.ack(again);
        }
        late.forget(first);
        await Promise.all([late, other].map((consumer) => consumer.close()));
      });

      it("a message made anew on the same sequence has another timestamp or id", async () => {
        const place = new Place();
        await place.fill(broker, ["a", "b"]);
        const consumer = await join(place);
        const [a, b] = await receive(consumer, 2);
        assert.notEqual(`${a!.sequence}.${a!.timestamp}`, `${b!.sequence}.${b!.timestamp}`);
        await consumer.close();
      });

      it("nak() redelivers at once, with a delay not before it", async () => {
        const place = new Place();
        await place.fill(broker, ["a"]);
        const consumer = await join(place);
        const first = await receiveOne(consumer);
        consumer.nak(first);
        const second = await receiveOne(consumer, 5_000);
        assert.equal(second.attempt, 2);
        const at = performance.now();
        consumer.nak(second, 700);
        const third = await receiveOne(consumer);
        assert.ok(performance.now() - at >= 650, `came after ${performance.now() - at} ms`);
        assert.equal(third.attempt, 3);
        consumer.ack(third);
        await consumer.close();
      });

      it("nak() after an ack hands back once", async () => {
        const place = new Place();
        await place.fill(broker, ["a", "b"]);
        const consumer = await join(place);
        const [a, b] = await receive(consumer, 2);
        consumer.ack(a!);
        consumer.nak(b!, 1);
        const again = await receiveOne(consumer);
        assert.equal(again.attempt, 2);
        await nothingFor(consumer, 1_500);
        consumer.ack(again);
        await consumer.close();
      });

      it("working() starts the ack wait anew", async () => {
        const place = new Place();
        await place.fill(broker, ["a"]);
        const consumer = await broker.consume(place.group({ ackWaitMs: 600 }));
        consumer.slots = 10;
        const delivery = await receiveOne(consumer);
        const heartbeat = setInterval(() => consumer.working(delivery), 150);
        await nothingFor(consumer, 1_500);
        clearInterval(heartbeat);
        assert.equal((await receiveOne(consumer)).attempt, 2);
        await consumer.close();
      });

      it("workingAhead() starts the ack wait anew of what is here and was not taken", async () => {
        const place = new Place();
        await place.fill(broker, ["a"]);
        const consumer = await broker.consume(place.group({ ackWaitMs: 600 }));
        consumer.slots = 10;
        const first = await receiveOne(consumer);
        await place.fill(broker, ["b", "c"]);
        const held = async () => (await consumer.state()).ackPending === 3;
        await eventually(held, "deliveries ahead");
        const heartbeat = setInterval(() => {
          consumer.working(first);
          consumer.workingAhead();
        }, 100);
        const other = await broker.consume(place.group({ ackWaitMs: 600 }));
        await nothingFor(other, 1_500);
        clearInterval(heartbeat);
        const others = await receive(consumer, 2);
        assert.deepEqual(others.map(({ id, attempt }) => [id, attempt]), [["b", 1], ["c", 1]]);
        for (const delivery of [first, ...others]) consumer.ack(delivery);
        await other.close();
        await consumer.close();
      });

      it("what comes again after the ack wait comes to every member in the end, not to the same one for ever", async () => {
        const place = new Place();
        await place.fill(broker, ["a"]);
        const here = await broker.consume(place.group({ ackWaitMs: 400 }));
        const there = await broker.consume(place.group({ ackWaitMs: 400 }));
        // Each takes once: whoever has it does nothing more.
        const taken = [here, there].map(async (consumer) => (await consumer.next())[0]!);
        const [one, another] = await within(Promise.all(taken), 5_000, "delivery to each");
        assert.equal(one!.sequence, another!.sequence);
        assert.notEqual(one!.attempt, another!.attempt);
        await here.close();
        await there.close();
      });

      it("a second settling does nothing", async () => {
        const place = new Place();
        await place.fill(broker, ["a"]);
        const consumer = await join(place);
        const delivery = await receiveOne(consumer);
        consumer.ack(delivery);
        consumer.ack(delivery);
        consumer.nak(delivery);
        consumer.working(delivery);
        await nothingFor(consumer, 300);
        await eventually(async () => isWorkedOff(await consumer.state()), "ack");
        await consumer.close();
      });

      it("the members of a group share its deliveries", async () => {
        const place = new Place();
        const here = await join(place, 5);
        const there = await join(place, 5, under.another);
        const got: string[] = [];
        let byThere = 0;
        const read = async (consumer: Consumer, count: () => void) => {
          for (;;) {
            const deliveries = await consumer.next();
            if (deliveries.length === 0) return;
            for (const delivery of deliveries) {
              got.push(delivery.id);
              count();
              consumer.ack(delivery);
            }
          }
        };
        const readers = [read(here, () => {}), read(there, () => byThere++)];
        await place.fill(broker, numbered(300));
        await eventually(() => got.length >= 300, "deliveries");
        here.stop();
        there.stop();
        await Promise.all(readers);
        assert.deepEqual([...got].sort(), numbered(300).sort());
        assert.ok(byThere > 0 && byThere < 300, `one member got ${byThere}`);
        await here.close();
        await there.close();
      });

      it("every group gets every message", async () => {
        const place = new Place();
        const one = await broker.consume(place.group({ group: "one" }));
        const two = await under.another.consume(place.group({ group: "two" }));
        one.slots = two.slots = 100;
        await place.fill(broker, numbered(20));
        for (const consumer of [one, two]) {
          const deliveries = await receive(consumer, 20);
          assert.deepEqual(deliveries.map((delivery) => delivery.id), numbered(20));
          for (const delivery of deliveries) consumer.ack(delivery);
        }
        await one.close();
        await two.close();
      });

      it("never holds more than slots deliveries unsettled", async () => {
        const place = new Place();
        await place.fill(broker, numbered(60));
        const consumer = await join(place, 4);
        const held = await receive(consumer, 4);
        await nothingFor(consumer, 300);
        consumer.ack(held.pop()!);
        consumer.nak(held.pop()!, 60_000);
        held.push(...await receive(consumer, 2));
        await nothingFor(consumer, 300);
        consumer.slots = 10;
        held.push(...await receive(consumer, 6));
        await nothingFor(consumer, 300);
        consumer.slots = 3;
        for (let i = 0; i < 7; i++) consumer.ack(held.pop()!);
        await nothingFor(consumer, 300);
        assert.equal((await consumer.state()).ackPending, 3 + 1);
        consumer.ack(held.pop()!);
        await receive(consumer, 1);
        await consumer.close();
      });

      it("asks for nothing with no slots, from the beginning and later", async () => {
        const place = new Place();
        await place.fill(broker, numbered(3));
        const consumer = await broker.consume({ ...place.group(), slots: 0 });
        await nothingFor(consumer, 300);
        assert.equal((await consumer.state()).pending, 3);
        consumer.slots = 1;
        const [first] = await receive(consumer, 1);
        consumer.slots = 0;
        consumer.ack(first!);
        await nothingFor(consumer, 300);
        assert.equal((await consumer.state()).pending, 2);
        await consumer.close();
      });

      it("a group has the ack wait that its last member brings", async () => {
        const place = new Place();
        await place.fill(broker, ["a"]);
        const first = await broker.consume(place.group({ ackWaitMs: 60_000 }));
        await first.close();
        const second = await broker.consume(place.group({ ackWaitMs: 400 }));
        second.slots = 10;
        const [a, again] = [await receiveOne(second), await receiveOne(second)];
        assert.equal(again.attempt, a.attempt + 1);
        second.forget(a);
        second.ack(again);
        await second.close();
      });

      it("a group holds no more than maxAckPending", async () => {
        const place = new Place();
        await place.fill(broker, numbered(20));
        const consumer = await broker.consume(place.group({ maxAckPending: 5 }));
        consumer.slots = 10;
        const held = await receive(consumer, 5);
        await nothingFor(consumer, 300);
        for (const delivery of held) consumer.ack(delivery);
        await receive(consumer, 5);
        await consumer.close();
      });

      it("bodies stay as they were while later ones come", async () => {
        const place = new Place();
        const consumer = await join(place, 3_000);
        const publisher = broker.publisher();
        const fates = numbered(1_000).map((id, i) =>
          publish(publisher, place.message(id, { body: new Uint8Array(500 + i).fill(i) }))
        );
        await Promise.all(fates);
        const deliveries = await receive(consumer, 1_000);
        for (const [i, delivery] of deliveries.entries()) {
          assert.equal(delivery.id, `m${i}`);
          assert.equal(delivery.body.length, 500 + i);
          assert.ok(delivery.body.every((byte) => byte === i % 256), `body ${i} has changed`);
        }
        publisher.close();
        await consumer.close();
      });

      it("wake() ends a wait, or the next one", async () => {
        const place = new Place();
        const consumer = await join(place);
        const waiting = consumer.next();
        consumer.wake();
        assert.deepEqual(await within(waiting, 1_000, "return"), []);
        consumer.wake();
        assert.deepEqual(await within(consumer.next(), 1_000, "return"), []);
        await place.fill(broker, ["a"]);
        assert.equal((await receiveOne(consumer)).id, "a");
        await consumer.close();
      });

      it("stop() ends a wait, and next() returns nothing from then on", async () => {
        const place = new Place();
        const consumer = await join(place);
        const waiting = consumer.next();
        consumer.stop();
        assert.deepEqual(await within(waiting, 1_000, "return"), []);
        await place.fill(broker, ["a"]);
        assert.deepEqual(await within(consumer.next(), 1_000, "return"), []);
        consumer.stop();
        await consumer.close();
      });

      it("after stop() what is here or on its way can still be taken, and then next() says that it is the end", async () => {
        const place = new Place();
        await place.fill(broker, numbered(30));
        const leaving = await join(place, 10);
        await eventually(async () => (await leaving.state()).ackPending === 10, "full slots");
        leaving.stop();
        const taken = [];
        for (;;) {
          const deliveries = await within(leaving.next(), 5_000, "deliveries or the end");
          if (deliveries.length === 0) break;
          taken.push(...deliveries);
        }
        assert.deepEqual(taken.map((delivery) => delivery.id), numbered(30).slice(0, 10));
        for (const delivery of taken) leaving.ack(delivery);
        await leaving.close();
        const staying = await join(place, 100, under.another);
        const rest = await receive(staying, 20, 5_000);
        assert.ok(rest.every((delivery) => delivery.attempt === 1), "none has lost an attempt");
        assert.deepEqual(rest.map((delivery) => delivery.id), numbered(30).slice(10));
        await staying.close();
      });

      it("stop() in the middle of what comes leaves nothing to the ack wait: all that counts as delivered can be taken", async () => {
        for (let round = 0; round < 40; round++) {
          const place = new Place();
          await place.fill(broker, numbered(200));
          const leaving = await join(place, 150);
          const taken = await within(leaving.next(), 5_000, "deliveries");
          leaving.stop();
          for (;;) {
            const deliveries = await within(leaving.next(), 5_000, "deliveries or the end");
            if (deliveries.length === 0) break;
            taken.push(...deliveries);
          }
          assert.equal((await leaving.state()).ackPending, taken.length, `round ${round}`);
          await leaving.close();
        }
      });

      it("close() hands back what was not taken; what was taken can still be settled after stop()", async () => {
        const place = new Place();
        await place.fill(broker, numbered(30));
        const leaving = await join(place, 10);
        const taken = await within(leaving.next(), 5_000, "deliveries");
        for (const delivery of taken) leaving.ack(delivery);
        // Slots are filled again once half of them are free, not one by one.
        await eventually(async () => (await leaving.state()).ackPending >= 5, "deliveries waiting");
        leaving.stop();
        await leaving.close();
        const staying = await join(place, 100, under.another);
        const rest = await receive(staying, 30 - taken.length, 5_000);
        const all = [...taken, ...rest].map((delivery) => delivery.id);
        assert.deepEqual(all.sort(), numbered(30).sort());
        await staying.close();
      });

      it("close() waits until settlings are confirmed, and is safe to call twice", async () => {
        const place = new Place();
        await place.fill(broker, numbered(50));
        const consumer = await join(place);
        for (const delivery of await receive(consumer, 50)) consumer.ack(delivery);
        await within(Promise.all([consumer.close(), consumer.close()]), 5_000, "close");
        await consumer.close();
        const state = await broker.queueState(place.queue.stream, "workers");
        assert.ok(state !== undefined && isWorkedOff(state));
        assert.equal(state.ackFloor, 50);
      });

      it("what is unsettled at close() comes again after the ack wait", async () => {
        const place = new Place();
        await place.fill(broker, ["a"]);
        const leaving = await broker.consume(place.group({ ackWaitMs: 500 }));
        await receiveOne(leaving);
        await leaving.close();
        const staying = await under.another.consume(place.group({ ackWaitMs: 500 }));
        assert.equal((await receiveOne(staying)).attempt, 2);
        await staying.close();
      });
    });

    describe("queue", () => {
      it("ensureQueues() may be called by anyone, at once and again", async () => {
        const place = new Place();
        const all = [broker, under.another, broker, under.another].map((each) =>
          each.ensureQueues([place.queue])
        );
        await Promise.all(all);
        await broker.ensureQueues([place.queue]);
      });

      it("queueState() is undefined without stream or group, and counts what is there", async () => {
        const place = new Place();
        const { stream } = place.queue;
        assert.equal(await broker.queueState(stream, "workers"), undefined);
        await place.fill(broker, numbered(10));
        assert.equal(await broker.queueState(stream, "workers"), undefined);
        const consumer = await join(place, 4);
        const [first, second] = await receive(consumer, 4);
        const held = await broker.queueState(stream, "workers");
        assert.ok(held !== undefined && !isWorkedOff(held));
        const { bytes, readers: _readers, ...counts } = held;
        assert.ok(bytes > 0);
        assert.deepEqual(counts, {
          lastSequence: 10,
          ackFloor: 0,
          messages: 10,
          pending: 6,
          ackPending: 4,
        });
        consumer.stop();
        consumer.ack(first!);
        consumer.ack(second!);
        await eventually(async () => (await consumer.state()).ackFloor === 2, "ack floor of 2");
        await consumer.close();
      });

      it("oldestAgeMs() is the age of the oldest message that is not acked, and 0 without one", async () => {
        const place = new Place();
        const consumer = await join(place);
        assert.equal(await consumer.oldestAgeMs(), 0);
        await place.fill(broker, ["a"]);
        const [first] = await receive(consumer, 1);
        await eventually(async () => await consumer.oldestAgeMs() >= 300, "age of 300 ms");
        await place.fill(broker, ["b"]);
        const [second] = await receive(consumer, 1);
        const age = await consumer.oldestAgeMs();
        assert.ok(age >= 300 && age < 20_000, `${age} ms`);
        consumer.ack(first!);
        await eventually(async () => await consumer.oldestAgeMs() < age - 100, "younger oldest");
        consumer.nak(second!, 60_000);
        await eventually(async () => await consumer.oldestAgeMs() >= 200, "age of what was nacked");
        await consumer.close();
      });

      it("an empty queue is worked off", async () => {
        const place = new Place();
        const consumer = await join(place);
        assert.ok(isWorkedOff(await consumer.state()));
        await consumer.close();
      });

      it("tidy() leaves what is not acked", async () => {
        const place = new Place();
        await place.fill(broker, numbered(10));
        const consumer = await join(place);
        const deliveries = await receive(consumer, 10);
        await consumer.tidy();
        assert.equal((await consumer.state()).messages, 10);
        for (const delivery of deliveries) consumer.nak(delivery);
        await consumer.close();
        const next = await join(place);
        await receive(next, 10);
        await next.close();
      });
    });

    if (features.durable) testDurableBroker(() => under);

    it("close() ends everything and is safe to call twice", async () => {
      const ending = await make();
      const place = new Place();
      const consumer = await join(place, 10, ending.broker);
      const waiting = consumer.next();
      const publisher = ending.broker.publisher();
      await within(
        Promise.all([ending.broker.close(), ending.broker.close()]),
        10_000,
        "close",
      );
      assert.deepEqual(await within(waiting, 1_000, "return"), []);
      assert.equal(ending.broker.isConnected(), false);
      const fate = await publish(publisher, place.message("x"));
      assert.ok(fate instanceof Error);
      await ending.end();
    });
  });
}
