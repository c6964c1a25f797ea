import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { Broker } from "../../src/broker/broker.ts";
import { numbered, publish, within } from "../support/broker_probes.ts";
import type { BrokerFeatures } from "./broker_contract.ts";

/** What every Broker has in common about streams that somebody else may have made. */
export function testTopics(features: BrokerFeatures, brokerOf: () => Broker): void {
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
  });
}
