import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Slots } from "../../../src/runtime/worker/slots.ts";

const OPTIONS = { most: 1024, ackWaitMs: 120_000, concurrency: 1 };

function after(slots: Slots, deliveryMs: number, times: number): number {
  for (let i = 0; i < times; i++) slots.observe(deliveryMs);
  return slots.count;
}

describe("Slots", () => {
  it("starts with one delivery, so that a first slow call keeps nothing else waiting", () => {
    assert.equal(new Slots(OPTIONS).count, 1);
  });

  it("takes four times as many while the function is fast, up to the limit", () => {
    const slots = new Slots(OPTIONS);
    assert.equal(after(slots, 0.01, 1), 4);
    assert.equal(after(slots, 0.01, 2), 64);
    assert.equal(after(slots, 0.01, 10), 1024);
  });

  it("never holds more than a second of work, nor a quarter of the ack wait", () => {
    assert.equal(after(new Slots(OPTIONS), 100, 50), 10);
    assert.equal(after(new Slots({ ...OPTIONS, ackWaitMs: 2000 }), 100, 50), 5);
    assert.equal(after(new Slots(OPTIONS), 30_000, 50), 1);
  });

  it("shrinks at once when the function turns slow and grows again slowly", () => {
    const slots = new Slots(OPTIONS);
    after(slots, 0.01, 20);
    assert.ok(after(slots, 5000, 1) <= 1);
    assert.ok(after(slots, 0.01, 3) < 8);
  });

  it("has a delivery for every call that may run at once", () => {
    assert.equal(new Slots({ ...OPTIONS, concurrency: 8 }).count, 8);
    assert.equal(after(new Slots({ ...OPTIONS, concurrency: 8 }), 60_000, 20), 8);
    assert.equal(new Slots({ ...OPTIONS, concurrency: 8, most: 4 }).count, 4);
  });
});
