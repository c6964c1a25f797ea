import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { MemoryStore } from "../../src/store/memory.ts";
import { StoreError } from "../../src/store/store.ts";
import { bytes, keysOf, rejectsWith, testStore, textOf } from "../contracts/store_contract.ts";

testStore("memory", { keysAreFiles: false, keepsContentType: true }, () => {
  const store = new MemoryStore({ buckets: ["test-bucket"] });
  return Promise.resolve({ store, bucket: "test-bucket", end: () => store.close() });
});

describe("MemoryStore", () => {
  it("with createBuckets put() makes a missing bucket, reading does not", async () => {
    const store = new MemoryStore({ createBuckets: true });
    await store.check("fresh");
    await rejectsWith("missing-bucket", () => keysOf(store, "fresh", ""));
    await store.put("fresh", "x", bytes("1"));
    assert.equal(await textOf(store, "fresh", "x"), "1");
  });

  it("before() may make any operation fail", async () => {
    let failures = 2;
    const store = new MemoryStore({
      buckets: ["bucket"],
      before: (call) => {
        if (call.action === "put" && failures-- > 0) {
          throw new StoreError(`Cannot put "${call.key}"`, { kind: "unavailable" });
        }
      },
    });
    await rejectsWith("unavailable", () => store.put("bucket", "x", bytes("1")));
    await rejectsWith("unavailable", () => store.put("bucket", "x", bytes("1")));
    await store.put("bucket", "x", bytes("1"));
    assert.deepEqual(await keysOf(store, "bucket", ""), ["x"]);
  });
});
