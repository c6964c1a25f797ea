import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { NatsPulls } from "../../../src/broker/nats/pulls.ts";

describe("NatsPulls", () => {
  it("takes requests for lost when nothing at all comes", () => {
    let now = 0;
    const pulls = new NatsPulls(() => now);
    pulls.ask(100);
    now = 5_000;
    assert.equal(pulls.silent(), false);
    now = 14_000;
    assert.equal(pulls.silent(), true);
  });

  it("takes a steady flow without heartbeats as a sign of life", () => {
    let now = 0;
    const pulls = new NatsPulls(() => now);
    pulls.ask(100);
    for (now = 0; now < 60_000; now += 500) {
      pulls.delivered();
      pulls.ask(1);
      assert.equal(pulls.silent(), false, `after ${now} ms`);
    }
  });

  it("counts what was asked for and has not come, over all requests", () => {
    const pulls = new NatsPulls(() => 0);
    const first = pulls.ask(3);
    pulls.ask(2);
    pulls.delivered();
    assert.equal(pulls.asked, 4);
    pulls.ended(first, 2);
    assert.equal(pulls.asked, 2);
    pulls.delivered();
    pulls.delivered();
    assert.equal(pulls.asked, 0);
  });
});
