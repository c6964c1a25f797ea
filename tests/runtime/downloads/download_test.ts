import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { MemoryFiles } from "../../../src/files/memory.ts";
import { createLogger } from "../../../src/base/log.ts";
import { Downloads } from "../../../src/runtime/downloads/download.ts";
import { TransferLog } from "../../../src/runtime/downloads/transfer_log.ts";
import { MemoryStore } from "../../../src/store/memory.ts";

const log = createLogger({ write: () => {} });
const signal = new AbortController().signal;

async function setUp(...keys: string[]) {
  const store = new MemoryStore({ buckets: ["docs"] });
  for (const key of keys) await store.put("docs", key, new TextEncoder().encode(key));
  const files = new MemoryFiles();
  const transfers = new TransferLog({ log, percent: undefined });
  return {
    files,
    store,
    downloads: new Downloads({ files, store, buckets: new Set(["docs"]), transfers, log }),
  };
}

describe("Downloads", () => {
  it("writes each object into a folder of its own under the end of its key", async () => {
    const { downloads, files } = await setUp("a/b c.txt");
    const one = await downloads.fetch({ bucket: "docs", key: "a/b c.txt" }, signal);
    const two = await downloads.fetch({ bucket: "docs", key: "a/b c.txt" }, signal);
    assert.notEqual(one.path, two.path);
    assert.match(one.path, /^\/.*\/[0-9a-f-]{36}\/b c\.txt$/);
    assert.equal(await new Response(await one.open()).text(), "a/b c.txt");
    await one.remove();
    await one.remove();
    assert.equal((await files.list("")).length, 1);
    await two.remove();
    assert.deepEqual(await files.list(""), []);
  });

  for (
    const [key, name] of [
      ["x/.bashrc", "bashrc"],
      ["-rf", "rf"],
      ["a\\b|c\n.txt", "a_b_c_.txt"],
      ["%2e%2e%2fpasswd", "_2e_2e_2fpasswd"],
      ["größe 日本.pdf", "größe 日本.pdf"],
      ["e".repeat(300) + ".pdf", "e".repeat(96) + ".pdf"],
      ["...", "object"],
    ] as const
  ) {
    it(`gives the file of ${JSON.stringify(key).slice(0, 24)} a harmless name`, async () => {
      const { downloads } = await setUp(key);
      const { path } = await downloads.fetch({ bucket: "docs", key }, signal);
      assert.equal(path.split("/").at(-1), name);
    });
  }

  it("leaves no file behind when the object is missing or breaks off", async () => {
    const { downloads, files, store } = await setUp("a");
    await assert.rejects(downloads.fetch({ bucket: "docs", key: "b" }, signal), /b/);
    const get = store.get.bind(store);
    store.get = async (bucket, key, options) => ({ ...await get(bucket, key, options), size: 99 });
    await assert.rejects(
      downloads.fetch({ bucket: "docs", key: "a" }, signal),
      /got 1 of 99 bytes/,
    );
    assert.deepEqual(await files.list(""), []);
  });

  it("names what a record without bucket and key lacks", async () => {
    const { downloads } = await setUp();
    await assert.rejects(downloads.fetch({ bucket: 5 }, signal), /"bucket" and "key"/);
  });
});
