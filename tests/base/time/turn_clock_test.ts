import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { TurnClock } from "../../../src/base/time/turn_clock.ts";
import { turn } from "../../../src/base/time/waiting.ts";

describe("TurnClock", () => {
  it("looks at its clock once in a turn of the event loop", async () => {
    let looks = 0;
    const clock = new TurnClock(() => ++looks);
    assert.deepEqual([clock.now(), clock.now()], [1, 1]);
    await Promise.resolve();
    assert.equal(clock.now(), 1);
    await turn();
    assert.deepEqual([clock.now(), clock.now()], [2, 2]);
  });

  it("does not look unless it is asked", async () => {
    let looks = 0;
    const clock = new TurnClock(() => ++looks);
    await turn();
    assert.equal(looks, 0);
    clock.now();
    await turn();
    await turn();
    assert.equal(looks, 1);
  });
});
