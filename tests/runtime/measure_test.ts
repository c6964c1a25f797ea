import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { measureStep, type Step } from "../../src/runtime/chain.ts";
import { Clock } from "../../src/runtime/clock.ts";
import type { Flight } from "../../src/runtime/flight.ts";

const FLIGHT = {} as Flight;

describe("measureStep()", () => {
  let now: number;
  let looks: number;
  let clock: Clock;
  let measured: number[];

  beforeEach(() => {
    now = looks = 0;
    clock = new Clock({
      now() {
        looks++;
        return now;
      },
      after: () => () => {},
      every: () => () => {},
    });
    measured = [];
  });

  const stepOf = (call: () => unknown): Step =>
    measureStep(call, {
      clock,
      metrics: { processed: (milliseconds) => void measured.push(milliseconds) },
    });

  /** As a worker calls it: it has looked, decodes for 1 ms, and is still at it. */
  function atOnce(step: Step): unknown {
    clock.now();
    now += 1;
    clock.isFresh = true;
    try {
      return step(FLIGHT);
    } finally {
      clock.isFresh = false;
    }
  }

  it("times a call from its beginning to its end", () => {
    const step = stepOf(() => now += 7);
    atOnce(step);
    atOnce(step);
    assert.deepEqual(measured, [7, 7]);
  });

  it("times a call that throws", () => {
    const step = stepOf(() => {
      now += 7;
      throw new Error("no");
    });
    assert.throws(() => atOnce(step), /no/);
    assert.deepEqual(measured, [7]);
  });

  it("looks once for a call after one that took no time", () => {
    const step = stepOf(() => {});
    atOnce(step);
    looks = 0;
    atOnce(step);
    // One is the worker's own.
    assert.equal(looks, 2);
    assert.deepEqual(measured, [0, 1]);
  });

  it("looks twice again once a call seems to have taken its time", () => {
    let takes = 0;
    const step = stepOf(() => now += takes);
    atOnce(step);
    takes = 7;
    atOnce(step);
    atOnce(step);
    assert.deepEqual(measured, [0, 8, 7]);
  });

  it("never takes a look of long ago for the beginning of a call", () => {
    const step = stepOf(() => {});
    atOnce(step);
    now += 1000;
    step(FLIGHT);
    assert.deepEqual(measured, [0, 0]);
  });

  it("times a promise until it is settled", async () => {
    const step = stepOf(() => Promise.resolve().then(() => now += 7));
    await atOnce(step);
    await atOnce(step);
    assert.deepEqual(measured, [7, 7]);
  });
});
