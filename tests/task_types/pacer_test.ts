import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Pacer, REAL_CLOCK } from "../../src/task_types/pacer.ts";

/** A clock whose timers come late. */
function lateClock(lateMs: number) {
  const clock = {
    time: 1000,
    now: () => clock.time,
    sleep(milliseconds: number) {
      clock.time += Math.ceil(milliseconds) + lateMs;
      return Promise.resolve();
    },
  };
  return clock;
}

const NEVER = new AbortController().signal;

describe("Pacer", () => {
  for (const rate of [0.5, 1, 3, 60, 1000, 20_000]) {
    it(`keeps ${rate} a second with late timers, without drift`, async () => {
      const clock = lateClock(1.7);
      const pacer = new Pacer(rate, clock);
      const until = clock.time + 60_000;
      let taken = 0;
      while (clock.time < until) {
        const waitMs = pacer.take();
        if (waitMs === 0) taken++;
        else await clock.sleep(waitMs);
      }
      const over = 1 + rate * 0.005;
      assert.ok(Math.abs(taken - rate * 60) <= over, `${taken} in a minute`);
    });
  }

  it("makes up for at most 50 ms of a pause", () => {
    const clock = lateClock(0);
    const pacer = new Pacer(1000, clock);
    assert.equal(pacer.take(), 0);
    clock.time += 10_000;
    let burst = 0;
    while (pacer.take() === 0) burst++;
    assert.ok(burst >= 50 && burst <= 52, `${burst}`);
  });

  it("is not faster than 20,000 a second in real time", async () => {
    const pacer = new Pacer(20_000, REAL_CLOCK);
    const begun = performance.now();
    let taken = 0;
    while (taken < 30_000) {
      const waitMs = pacer.take();
      if (waitMs === 0) taken++;
      else await REAL_CLOCK.sleep(waitMs, NEVER);
    }
    const rate = taken / (performance.now() - begun) * 1000;
    // How slow it may be is measured by `npm run bench -- --gate`.
    assert.ok(rate < 21_000, `${rate} a second`);
  });
});

describe("REAL_CLOCK.sleep()", () => {
  it("ends when the signal is aborted, before or meanwhile", async () => {
    const stop = new AbortController();
    const sleeping = REAL_CLOCK.sleep(1e12, stop.signal);
    stop.abort();
    await sleeping;
    await REAL_CLOCK.sleep(1e12, stop.signal);
  });
});
