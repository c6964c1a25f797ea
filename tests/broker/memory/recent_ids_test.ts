import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { RecentIds } from "../../../src/broker/memory/recent_ids.ts";

describe("RecentIds", () => {
  it("knows an id within the window and not after it", () => {
    let now = 1000;
    const ids = new RecentIds({ windowMs: 100, most: 1000 });
    assert.equal(ids.seen("a", now), false);
    now += 100;
    assert.equal(ids.seen("a", now), true);
    now += 1;
    assert.equal(ids.seen("a", now), false);
    assert.equal(ids.seen("a", now), true);
  });

  it("does not count the window from a later sighting", () => {
    let now = 0;
    const ids = new RecentIds({ windowMs: 100, most: 1000 });
    ids.seen("a", now);
    now = 60;
    assert.equal(ids.seen("a", now), true);
    now = 101;
    assert.equal(ids.seen("a", now), false);
  });

  it("keeps at least half of the most it may, the newest, and no more than the most", () => {
    const ids = new RecentIds({ windowMs: 1e9, most: 10 });
    const now = 0;
    for (let i = 0; i < 100; i++) ids.seen(String(i), now);
    for (let i = 99; i > 94; i--) assert.equal(ids.seen(String(i), now), true, String(i));
    assert.equal(ids.seen("80", now), false);
  });

  it("tells ids apart however their hashes collide, as a plain map does", () => {
    let [now, seed] = [0, 7];
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
      return (seed >> 8) % below;
    };
    // Two slots for each id and ids of two letters: nearly every one meets another.
    const ids = new RecentIds({ windowMs: 50, most: 1 << 12 });
    const known = new Map<string, number>();
    for (let i = 0; i < 20_000; i++) {
      const id = String.fromCharCode(97 + random(26), 0x4e00 + random(40));
      const at = known.get(id);
      const isKnown = at !== undefined && now - at <= 50;
      assert.equal(ids.seen(id, now), isKnown, `${id} at ${now}`);
      if (!isKnown) known.set(id, now);
      now += random(2);
    }
  });
});
