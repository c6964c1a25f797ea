import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "@std/testing/bdd";
import { openNodeFiles } from "../../adapters/shared/node/node_files.ts";
import { type Files, FilesError } from "../../src/files/files.ts";
import { MemoryFiles } from "../../src/files/memory.ts";
import { DirectoryStore } from "../../src/store/directory.ts";
import {
  bytes,
  keysOf,
  ODD_KEYS,
  rejectsWith,
  testStore,
  textOf,
} from "../contracts/store_contract.ts";

const FEATURES = { keysAreFiles: true, keepsContentType: false };

testStore("directory on node files", FEATURES, async () => {
  const root = await fs.mkdtemp(join(tmpdir(), "kflow-directory-"));
  await fs.mkdir(join(root, "test-bucket"));
  const store = new DirectoryStore(await openNodeFiles(root));
  return {
    store,
    bucket: "test-bucket",
    end: () => fs.rm(root, { recursive: true, force: true }),
  };
});

testStore("directory on memory files", FEATURES, async () => {
  const files = new MemoryFiles();
  await files.makeDirectory("test-bucket");
  const store = new DirectoryStore(files);
  return { store, bucket: "test-bucket", end: () => store.close() };
});

describe("DirectoryStore", () => {
  let root = "";
  let files: Files;
  let store: DirectoryStore;

  before(async () => {
    root = await fs.realpath(await fs.mkdtemp(join(tmpdir(), "kflow-directory-")));
    files = await openNodeFiles(root);
    store = new DirectoryStore(files);
    await fs.mkdir(join(root, "docs"));
  });
  after(() => fs.rm(root, { recursive: true, force: true }));

  it("keys are the names of the files, nothing is escaped", async () => {
    for (const key of ODD_KEYS) {
      await fs.mkdir(join(root, "docs", key, ".."), { recursive: true });
      await fs.writeFile(join(root, "docs", key), key);
    }
    assert.deepEqual((await keysOf(store, "docs", "")).toSorted(), ODD_KEYS.toSorted());
    for (const key of ODD_KEYS) assert.equal(await textOf(store, "docs", key), key);
    await store.put("docs", "put/100%20 é.txt", bytes("put"));
    assert.equal(await fs.readFile(join(root, "docs/put/100%20 é.txt"), "utf8"), "put");
  });

  it("a file changed by hand has another etag", async () => {
    const path = join(root, "docs/hand");
    await fs.writeFile(path, "one");
    const { etag, body } = await store.get("docs", "hand");
    await body.cancel();
    await fs.writeFile(path, "two");
    // Both writes may fall into one millisecond, which is all that a time of a file says.
    await fs.utimes(path, new Date(), new Date(Date.now() + 1000));
    await rejectsWith("precondition", () => store.get("docs", "hand", { ifMatch: etag }));
  });

  it("a file cut short while it is read ends the body with an error", async () => {
    await fs.writeFile(join(root, "docs/shrinking"), new Uint8Array(500_000));
    const { body } = await store.get("docs", "shrinking");
    const reader = body.getReader();
    await reader.read();
    await fs.truncate(join(root, "docs/shrinking"), 100_000);
    const error = await rejectsWith("unavailable", async () => {
      while (!(await reader.read()).done);
    });
    assert.match(error.message, /changed while it was read: 100000 bytes instead of 500000/);
  });

  it("get() gives size and content of one and the same file though it is being replaced", async () => {
    const contents = ["a".repeat(10), "b".repeat(1_000), "c".repeat(100_000)];
    await store.put("docs", "changing", bytes(contents[0]!));
    let writing = true;
    const writer = (async () => {
      for (let i = 0; i < 150; i++) await store.put("docs", "changing", bytes(contents[i % 3]!));
      writing = false;
    })();
    while (writing) {
      const object = await store.get("docs", "changing").catch((error) => {
        assert.match(String(error), /keeps being replaced/);
      });
      if (!object) continue;
      const content = await new Response(object.body).text();
      assert.equal(content.length, object.size);
      assert.ok(contents.includes(content));
    }
    await writer;
  });

  it("links in a bucket are not listed and lead nowhere", async () => {
    await fs.mkdir(join(root, "links"));
    await fs.writeFile(join(root, "links/own"), "own");
    await fs.symlink("/etc", join(root, "links/etc"));
    await fs.symlink("/etc/hostname", join(root, "links/host"));
    await fs.symlink("/etc", join(root, "linked-bucket"));
    assert.deepEqual(await keysOf(store, "links", ""), ["own"]);
    await rejectsWith("missing-key", () => store.get("links", "host"));
    await rejectsWith("bad-name", () => store.get("links", "etc/hostname"));
    await rejectsWith("bad-name", () => store.put("links", "etc/kflow", bytes(".")));
    await rejectsWith("missing-bucket", () => store.check("linked-bucket"));
  });

  it("what a killed process left unfinished is not listed", async () => {
    await fs.mkdir(join(root, "left"));
    await fs.writeFile(join(root, `left/.kflow-${"a".repeat(32)}.part`), "half");
    await fs.writeFile(join(root, "left/.kflow-note"), "whole");
    assert.deepEqual(await keysOf(store, "left", ""), [".kflow-note"]);
    await rejectsWith("bad-name", () => store.get("left", `.kflow-${"a".repeat(32)}.part`));
  });

  it("with createBuckets put() makes the folder, reading does not", async () => {
    const making = new DirectoryStore(files, { createBuckets: true });
    await making.check("made-by-put");
    await rejectsWith("missing-bucket", () => keysOf(making, "made-by-put", ""));
    await making.put("made-by-put", "a/b", bytes("1"));
    assert.equal(await textOf(making, "made-by-put", "a/b"), "1");
    assert.equal((await fs.stat(join(root, "made-by-put"))).isDirectory(), true);
  });

  it("what the system denies is denied, and a full disk has no room", async () => {
    const kinds = { denied: "denied", "no-room": "no-room", failed: "unavailable" } as const;
    for (const [kind, expected] of Object.entries(kinds)) {
      const failing = failingFiles(files, kind as keyof typeof kinds);
      const refused = new DirectoryStore(failing);
      await rejectsWith(expected, () => refused.check("docs"));
      await rejectsWith(expected, () => keysOf(refused, "docs", ""));
      const error = await rejectsWith(expected, () => refused.put("docs", "x", bytes(".")));
      assert.match(error.message, /system says no/);
    }
  });

  it("a folder without permission is denied", {
    skip: process.getuid?.() === 0 ? "root is denied nothing" : false,
  }, async () => {
    await fs.mkdir(join(root, "closed"), { mode: 0o000 });
    await rejectsWith("denied", () => store.check("closed"));
    await rejectsWith("denied", () => store.put("closed", "x", bytes(".")));
    await fs.chmod(join(root, "closed"), 0o700);
  });
});

function failingFiles(files: Files, kind: "denied" | "no-room" | "failed"): Files {
  const refuse = () => Promise.reject(new FilesError("the system says no", { kind, path: "" }));
  return {
    root: files.root,
    room: () => files.room(),
    stat: (path) => files.stat(path),
    list: refuse,
    read: refuse,
    write: refuse,
    append: refuse,
    makeDirectory: refuse,
    remove: refuse,
  };
}
