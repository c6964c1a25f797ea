import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { CallTimes } from "../../../src/runtime/calls/call_times.ts";
import { measureStep, type Step } from "../../../src/runtime/calls/step.ts";
import { Clock } from "../../../src/runtime/calls/worker_clock.ts";
import type { Flight } from "../../../src/runtime/records/flight.ts";

const FLIGHT = {} as Flight;

describe("CallTimes", () => {
  let now: number;
  let looks: number;
  let clock: Clock;
  let measured: number[];
  let held: number[];

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
    held = [];
  });

  const stepOf = (call: () => unknown): Step =>
    measureStep(
      call,
      new CallTimes({
        clock,
        metrics: {
          processed(milliseconds, calls = 1) {
            for (let i = 0; i < calls; i++) measured.push(milliseconds);
          },
        },
        heldLimitMs: 100,
        held: (milliseconds) => void held.push(milliseconds),
      }),
    );

  /** Calls that take so long each, ms, until they are timed in groups; a group is just over. */
  function manyLike(step: Step, milliseconds: number): void {
    clock.now();
    clock.isFresh = true;
    for (let i = 0; i < 512; i++) step(FLIGHT);
    clock.settle();
    const sum = measured.reduce((all, one) => all + one, 0);
    assert.equal(measured.length, 512);
    assert.equal(sum, 512 * milliseconds);
    measured = [];
    looks = 0;
  }

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

  it("reads the clock once for a call after one that took no time", () => {
    const step = stepOf(() => {});
    atOnce(step);
    looks = 0;
    atOnce(step);
    // One is the worker's own.
    assert.equal(looks, 2);
    assert.deepEqual(measured, [0, 1]);
  });

  it("reads the clock twice for each call again after one that took time", () => {
    let takes = 0;
    const step = stepOf(() => now += takes);
    atOnce(step);
    takes = 7;
    atOnce(step);
    atOnce(step);
    assert.deepEqual(measured, [0, 8, 7]);
  });

  it("does not take an old reading of the clock for the start of a call", () => {
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

  it("reads the clock once for several calls after many that took no time", () => {
    const step = stepOf(() => {});
    manyLike(step, 0);
    for (let i = 0; i < 80; i++) step(FLIGHT);
    clock.settle();
    assert.equal(measured.length, 80);
    assert.equal(looks, 10);
  });

  it("shares the time of a group among its calls, and loses none of it", () => {
    const step = stepOf(() => now += 1 / 64);
    now = 5;
    manyLike(step, 1 / 64);
    for (let i = 0; i < 16; i++) step(FLIGHT);
    clock.settle();
    assert.deepEqual(measured, new Array(16).fill(1 / 64));
  });

  it("finds the one slow call of a group, and times the next calls one by one", () => {
    let takes = 0;
    const step = stepOf(() => now += takes);
    manyLike(step, 0);
    step(FLIGHT);
    takes = 7;
    step(FLIGHT);
    takes = 0;
    clock.settle();
    assert.deepEqual(measured, [0, 7]);
    looks = 0;
    step(FLIGHT);
    assert.equal(looks, 2);
  });

  it("reports a function that holds the thread after one group of calls at the latest", () => {
    let takes = 0;
    const step = stepOf(() => now += takes);
    manyLike(step, 0);
    takes = 1000;
    let calls = 0;
    do {
      step(FLIGHT);
      calls++;
    } while (clock.isOwed);
    assert.ok(calls <= 8, `${calls} calls`);
    assert.equal(measured.length, calls);
    assert.equal(held.length, 1);
    step(FLIGHT);
    assert.equal(clock.isOwed, false);
  });

  it("leaves no call of a group untimed when one throws", () => {
    let fails = false;
    const step = stepOf(() => {
      if (fails) throw new Error("no");
    });
    manyLike(step, 0);
    step(FLIGHT);
    fails = true;
    assert.throws(() => step(FLIGHT), /no/);
    assert.equal(clock.isOwed, false);
    assert.deepEqual(measured, [0, 0]);
  });

  it("leaves no call of a group untimed when one is asynchronous, and times that one from its start", async () => {
    let waits = false;
    const step = stepOf(() => {
      now += 1 / 64;
      if (waits) return Promise.resolve().then(() => now += 7);
    });
    manyLike(step, 1 / 64);
    step(FLIGHT);
    step(FLIGHT);
    waits = true;
    const answer = step(FLIGHT);
    assert.equal(clock.isOwed, false);
    clock.isFresh = false;
    await answer;
    assert.deepEqual(measured, [1 / 64, 1 / 64, 7 + 1 / 64]);
  });

  it("leaves no call untimed while its worker does something else", () => {
    const step = stepOf(() => {});
    manyLike(step, 0);
    clock.isFresh = false;
    step(FLIGHT);
    assert.equal(clock.isOwed, false);
    assert.deepEqual(measured, [0]);
  });
});
