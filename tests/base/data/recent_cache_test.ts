import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { RecentCache } from "../../../src/base/data/recent_cache.ts";

describe("RecentCache", () => {
  it("keeps no more than its limit, whatever keys come", () => {
    const dropped: number[] = [];
    const cache = new RecentCache<number, { key: number }>({
      limit: 100,
      weightOf: () => 10,
      dropped: ({ key }) => dropped.push(key),
    });
    for (let key = 0; key < 1000; key++) {
      cache.set(key, { key });
      assert.ok(cache.size <= 12, `${cache.size} values`);
      assert.deepEqual(cache.get(key), { key });
    }
    assert.equal(dropped.length, 1000 - cache.size);
    assert.equal(cache.get(dropped[0]!), undefined);
  });

  it("keeps what is used again and again", () => {
    const cache = new RecentCache<string, number>({ limit: 10, weightOf: () => 1 });
    cache.set("used", 1);
    for (let i = 0; i < 100; i++) {
      cache.set(`other ${i}`, i);
      assert.equal(cache.get("used"), 1);
    }
    assert.equal(cache.get("other 0"), undefined);
  });

  it("keeps a value that alone is over the limit until another comes", () => {
    const cache = new RecentCache<string, number>({ limit: 10, weightOf: (value) => value });
    cache.set("large", 50);
    assert.equal(cache.get("large"), 50);
    cache.set("larger", 60);
    assert.equal(cache.get("larger"), 60);
    assert.ok(cache.size <= 2);
  });
});
