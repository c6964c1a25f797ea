import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { Broker, Consumer } from "../../src/broker/broker.ts";
import {
  nothingFor,
  numbered,
  publish,
  receive,
  receiveOne,
  textOf,
} from "../support/in_process/broker_probes.ts";
import { eventually, within } from "../support/waiting.ts";
import type { BrokerFeatures } from "./broker_contract.ts";

/** What every Broker has in common about streams that somebody else may have made. */
export function testTopics(
  features: BrokerFeatures,
  brokerOf: () => Broker,
  anotherOf: () => Broker,
): void {
  describe("topic", () => {
    const spec = (subject: string) => ({
      subject,
      maxBytes: 64 * 1024,
      duplicateWindowMs: 60_000,
    });
    const join = (stream: string) =>
      brokerOf().consume({
        queue: {
          stream,
          subjects: `${stream}.>`,
          maxBytes: 64 * 1024,
          duplicateWindowMs: 60_000,
        },
        group: "readers",
        ackWaitMs: 30_000,
        maxAckPending: 100,
      });

    it("is made on request and takes messages, each id once", async () => {
      const stream = `errors-${crypto.randomUUID().slice(0, 8)}`;
      const topic = spec(`${stream}.of.flow`);
      const made = await brokerOf().ensureTopic(topic, { create: true });
      assert.deepEqual(made, { stream, maxPayload: brokerOf().maxPayload });
      assert.deepEqual(await brokerOf().ensureTopic(topic, { create: false }), made);
      const publisher = brokerOf().publisher();
      const message = { subject: topic.subject, id: "a", body: new Uint8Array([1]) };
      assert.equal(await publish(publisher, message), "stored");
      assert.equal(await publish(publisher, message), "duplicate");
      publisher.close();
    });

    it("that is full drops its oldest messages and takes all new ones", async () => {
      const stream = `errors-${crypto.randomUUID().slice(0, 8)}`;
      const topic = spec(`${stream}.error`);
      await brokerOf().ensureTopic(topic, { create: true });
      const publisher = brokerOf().publisher();
      const body = new Uint8Array(4096);
      const fates = numbered(100).map((id) =>
        publish(publisher, { subject: topic.subject, id, body })
      );
      const stored = await within(Promise.all(fates), 10_000, "confirmations");
      assert.deepEqual(new Set(stored), new Set(["stored"]));
      publisher.close();
      if (features.durable) return;
      const consumer = await join(stream);
      consumer.slots = 100;
      const held = await consumer.next();
      assert.ok(held.length > 5 && held.length <= 16, String(held.length));
      assert.equal(held.at(-1)!.id, "m99");
      await consumer.close();
    });

    it("that nobody takes is made only on request", async () => {
      const topic = spec(`errors-${crypto.randomUUID().slice(0, 8)}.error`);
      const found = brokerOf().ensureTopic(topic, { create: false });
      if (features.durable) {
        await assert.rejects(
          found,
          /^StartError: No stream takes "errors-.* create one with "nats stream add errors-/,
        );
      } else await found;
    });

    /** A stream of two subjects with three messages in each. */
    async function filled(): Promise<string> {
      const stream = `errors-${crypto.randomUUID().slice(0, 8)}`;
      const publisher = brokerOf().publisher();
      for (const subject of [`${stream}.a`, `${stream}.b`]) {
        await brokerOf().ensureTopic(spec(subject), { create: true });
      }
      for (const n of [1, 2, 3]) await put(publisher, `${stream}.a`, n);
      for (const n of [1, 2, 3]) await put(publisher, `${stream}.b`, n);
      publisher.close();
      return stream;
    }

    async function put(publisher: ReturnType<Broker["publisher"]>, subject: string, n: number) {
      const name = `${subject.split(".")[1]}${n}`;
      const body = new TextEncoder().encode(name);
      assert.equal(await publish(publisher, { subject, id: `${subject}-${n}`, body }), "stored");
    }

    async function read(
      stream: string,
      options: { subject?: string; group?: string; from?: Broker } = {},
    ): Promise<Consumer> {
      const { subject = "a", group = "readers", from = brokerOf() } = options;
      const consumer = await from.read({
        stream,
        subject: `${stream}.${subject}`,
        group,
        ackWaitMs: 30_000,
        maxAckPending: 100,
      });
      consumer.slots = 100;
      return consumer;
    }

    it("is read from its oldest message on, and nothing of its stream's other subjects", async () => {
      const stream = await filled();
      const consumer = await read(stream);
      const deliveries = await receive(consumer, 3);
      assert.deepEqual(deliveries.map(textOf), ["a1", "a2", "a3"]);
      assert.deepEqual(deliveries.map(({ sequence }) => sequence), [1, 2, 3]);
      assert.deepEqual(deliveries.map(({ attempt }) => attempt), [1, 1, 1]);
      const publisher = brokerOf().publisher();
      await put(publisher, `${stream}.b`, 4);
      await put(publisher, `${stream}.a`, 4);
      publisher.close();
      const later = await receiveOne(consumer);
      assert.equal(textOf(later), "a4");
      assert.equal(later.sequence, 8);
      await consumer.close();
    });

    it("gives each group all of its messages", async () => {
      const stream = await filled();
      const first = await read(stream, { group: "first" });
      const second = await read(stream, { group: "second" });
      const other = await read(stream, { group: "other", subject: "b" });
      for (const delivery of await receive(first, 3)) first.ack(delivery);
      await eventually(async () => (await first.state()).ackPending === 0, "acks");
      assert.deepEqual((await receive(second, 3)).map(textOf), ["a1", "a2", "a3"]);
      assert.deepEqual((await receive(other, 3)).map(textOf), ["b1", "b2", "b3"]);
      await Promise.all([first.close(), second.close(), other.close()]);
    });

    it("goes on where its group was, with what was not acked or was handed back", async () => {
      const stream = await filled();
      const before = await read(stream);
      const [one, two] = await receive(before, 3);
      before.ack(one!);
      before.nak(two!);
      const again = await receiveOne(before);
      assert.equal(textOf(again), "a2");
      assert.equal(again.attempt, 2);
      before.ack(again);
      await before.close();
      const after = await read(stream, { from: anotherOf() });
      await nothingFor(after, 100);
      const state = await after.state();
      assert.deepEqual([state.pending, state.ackPending, state.ackFloor], [0, 1, 2]);
      await after.close();
    });

    it("says how far its group is: pending counts its own subject, the last sequence all", async () => {
      const stream = await filled();
      const consumer = await read(stream);
      const held = await receive(consumer, 3);
      const { lastSequence, pending, ackPending } = await consumer.state();
      assert.deepEqual([lastSequence, pending, ackPending], [6, 0, 3]);
      for (const delivery of held) consumer.ack(delivery);
      await eventually(async () => {
        const { pending, ackPending } = await consumer.state();
        return pending === 0 && ackPending === 0;
      }, "end");
      await consumer.close();
    });

    it("never gives a reader more than its slots", async () => {
      const stream = await filled();
      const consumer = await brokerOf().read({
        stream,
        subject: `${stream}.a`,
        group: "readers",
        ackWaitMs: 30_000,
        maxAckPending: 100,
      });
      consumer.slots = 2;
      const held = await receive(consumer, 2);
      await nothingFor(consumer, 100);
      consumer.ack(held[0]!);
      assert.equal(textOf(await receiveOne(consumer)), "a3");
      await consumer.close();
    });

    it("is left as it is by a reader's tidy()", async () => {
      const stream = await filled();
      const consumer = await read(stream);
      const messages = (await consumer.state()).messages;
      assert.deepEqual(await consumer.tidy(), { old: 0, young: 0 });
      assert.equal((await consumer.state()).messages, messages);
      await consumer.close();
    });

    it("cannot be read from a stream that is not there", async () => {
      await assert.rejects(read("errors-none"), /^StartError: Cannot join group "readers"/);
    });
  });
}
