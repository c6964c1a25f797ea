import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, it } from "@std/testing/bdd";
import {
  type ObjectInfo,
  type Store,
  StoreError,
  type StoreErrorKind,
} from "../../src/store/store.ts";

/** Facts about an implementation. */
export interface StoreFeatures {
  /** Keys are file names: an empty segment, a trailing `/`, and a key that is also a folder have no place. */
  keysAreFiles: boolean;
  /** The content type given to `put` comes back from `get`. */
  keepsContentType: boolean;
}

export interface StoreUnderTest {
  store: Store;
  /** A bucket that exists and is empty; every case uses a prefix of its own in it. */
  bucket: string;
  end(): Promise<void>;
}

const MIB = 1024 * 1024;

/** Keys in which something has gone wrong in one client or other. All are file names too. */
export const ODD_KEYS = [
  "plain.txt",
  "with space",
  " leading and trailing ",
  "a+b",
  "100%",
  "%20",
  "%2F",
  "%2e%2e",
  "%",
  "&<>\"'",
  "&amp;&#65;",
  "]]>",
  "what?x=1&y=2",
  "#hash",
  "a;b",
  "a=b",
  "~tilde",
  "()!*'",
  "$,:@[]{}|^`",
  "emoji 😀.png",
  "composed \u00e9",
  "decomposed e\u0301",
  "日本語/ファイル",
  "deep/er/than/that",
  "-rf",
  "..hidden",
  "...",
  "trailing.",
  "line\nbreak",
  "tab\there",
  "\u007f\u0001",
  "_".repeat(255),
  `${Array.from({ length: 4 }, (_, i) => `${i}`.repeat(224)).join("/")}`,
];

/** Every sentence of the Store port, for one implementation. */
export function testStore(
  name: string,
  features: StoreFeatures,
  make: () => Promise<StoreUnderTest>,
): void {
  describe(`Store: ${name}`, () => {
    let under: StoreUnderTest;
    let store: Store;
    let bucket: string;

    before(async () => {
      under = await make();
      ({ store, bucket } = under);
    });
    after(() => under.end());

    it("get() gives back what put() stored, and both say the same etag", async () => {
      const started = Date.now();
      const { etag } = await store.put(bucket, "basic/x", bytes("hello"), {
        contentType: "text/plain",
      });
      const object = await store.get(bucket, "basic/x");
      assert.equal(await new Response(object.body).text(), "hello");
      assert.equal(object.bucket, bucket);
      assert.equal(object.key, "basic/x");
      assert.equal(object.size, 5);
      assert.equal(object.etag, etag);
      assert.match(etag, /^[^"]+$/);
      assert.ok(Math.abs(object.lastModifiedUnixMilli - started) < 60_000);
      assert.equal(object.contentType, features.keepsContentType ? "text/plain" : undefined);
      const [listed] = await keysAndInfo(store, bucket, "basic/");
      assert.equal(listed?.etag, etag);
      assert.equal(listed?.size, 5);
      assert.ok(Math.abs(listed.lastModifiedUnixMilli - started) < 60_000);
    });

    it("put() replaces an object and its etag", async () => {
      const first = await store.put(bucket, "replace/x", bytes("one"));
      const second = await store.put(bucket, "replace/x", bytes("other"));
      assert.notEqual(first.etag, second.etag);
      assert.equal(await textOf(store, bucket, "replace/x"), "other");
    });

    it("an empty object is stored from bytes and from a stream", async () => {
      await store.put(bucket, "empty/bytes", new Uint8Array());
      await store.put(bucket, "empty/stream", streamOf([]));
      await store.put(bucket, "empty/sized", streamOf([]), { size: 0 });
      for (const key of ["empty/bytes", "empty/stream", "empty/sized"]) {
        const object = await store.get(bucket, key);
        assert.equal(object.size, 0);
        assert.equal(await new Response(object.body).text(), "");
      }
      const listed = await keysAndInfo(store, bucket, "empty/");
      assert.deepEqual(listed.map((info) => info.size), [0, 0, 0]);
    });

    it("a stream is stored with and without its size", async () => {
      const chunks = Array.from({ length: 50 }, (_, i) => bytes(`${i} `.repeat(100)));
      const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      await store.put(bucket, "stream/sized", streamOf(chunks), { size });
      await store.put(bucket, "stream/unsized", streamOf(chunks));
      const expected = chunks.map((chunk) => new TextDecoder().decode(chunk)).join("");
      assert.equal(await textOf(store, bucket, "stream/sized"), expected);
      assert.equal(await textOf(store, bucket, "stream/unsized"), expected);
    });

    it("odd keys are stored, listed in order, read and deleted under their own names", async () => {
      const prefix = "odd keys+%2F/";
      await inParallel(ODD_KEYS, 8, (key) => store.put(bucket, prefix + key, bytes(key)));
      const listed = await keysOf(store, bucket, prefix);
      assert.deepEqual(listed, sortedKeys(ODD_KEYS.map((key) => prefix + key)));
      for (const key of ODD_KEYS) {
        assert.equal(await textOf(store, bucket, prefix + key), key);
        const alone = await keysOf(store, bucket, prefix + key);
        assert.ok(alone.includes(prefix + key), key);
      }
      await inParallel(ODD_KEYS, 8, (key) => store.delete(bucket, prefix + key));
      assert.deepEqual(await keysOf(store, bucket, prefix), []);
    });

    it("list() gives all of 2,500 objects, in pages, sorted, and nothing else", async () => {
      const keys = Array.from({ length: 2_500 }, (_, i) => `many/${i % 7}/${i}.txt`);
      await inParallel(keys, 32, (key) => store.put(bucket, key, bytes(key)));
      await store.put(bucket, "manyother", bytes("."));
      const pages: ObjectInfo[][] = [];
      for await (const page of store.list(bucket, "many/")) pages.push(page);
      assert.ok(pages.length > 1);
      assert.ok(pages.every((page) => page.length > 0 && page.length <= 1_000));
      assert.deepEqual(pages.flat().map((info) => info.key), sortedKeys(keys));
      assert.ok(
        pages.flat().every((info) => info.size === info.key.length && info.bucket === bucket),
      );
      const some = keys.filter((key) => key.startsWith("many/3/1"));
      assert.deepEqual(await keysOf(store, bucket, "many/3/1"), sortedKeys(some));
    });

    it("list() sorts by the UTF-8 bytes of the key and matches prefixes inside a segment", async () => {
      const keys = ["a", "a-b", "a.txt", "ab", "b/c", "b-c", "b.c/d", "B", "\uff5e", "\u{1f600}"]
        .map((key) => `order/${key === "a" ? "a0" : key}`);
      for (const key of keys) await store.put(bucket, key, bytes("."));
      assert.deepEqual(await keysOf(store, bucket, "order/"), sortedKeys(keys));
      assert.deepEqual(await keysOf(store, bucket, "order/b"), [
        "order/b-c",
        "order/b.c/d",
        "order/b/c",
      ]);
      assert.deepEqual(await keysOf(store, bucket, "order/b/"), ["order/b/c"]);
      assert.deepEqual(await keysOf(store, bucket, "order/nothing"), []);
      assert.deepEqual(await keysOf(store, bucket, "nowhere/at/all"), []);
      assert.ok((await keysOf(store, bucket, "")).includes("order/b/c"));
    });

    it("list() can be left early", async () => {
      for (const i of [1, 2]) await store.put(bucket, `early/${i}`, bytes("."));
      for await (const page of store.list(bucket, "early/")) {
        assert.equal(page.length, 2);
        break;
      }
    });

    it("20 MiB go in and out as a stream and come back the same", async () => {
      const chunk = new Uint8Array(MIB).map((_, i) => (i * 31) % 251);
      const source = () => counted(20, (i) => chunk.subarray(i));
      const expected = createHash("sha256");
      for (let i = 0; i < 20; i++) expected.update(chunk.subarray(i));
      await store.put(bucket, "big/x", source());
      const object = await store.get(bucket, "big/x");
      const digest = createHash("sha256");
      let size = 0;
      for await (const part of object.body) {
        digest.update(part);
        size += part.length;
      }
      assert.equal(size, 20 * MIB - 190);
      assert.equal(object.size, size);
      assert.equal(digest.digest("hex"), expected.digest("hex"));
      const copy = await store.get(bucket, "big/x");
      await store.put(bucket, "big/copy", copy.body, { size: copy.size });
      assert.equal((await keysAndInfo(store, bucket, "big/copy"))[0]?.size, size);
    });

    it("a body that fails leaves the old object, and its error is the cause", async () => {
      for (const before of [0, 9]) {
        const key = `broken/${before}`;
        await store.put(bucket, key, bytes("old"));
        const wrong = new Error("source broke");
        const body = counted(20, (i) => {
          if (i >= before) throw wrong;
          return new Uint8Array(MIB);
        });
        await assert.rejects(
          () => store.put(bucket, key, body),
          (error) =>
            error instanceof StoreError && error.kind === "unavailable" && error.cause === wrong,
        );
        assert.equal(await textOf(store, bucket, key), "old");
      }
      assert.deepEqual(await keysOf(store, bucket, "broken/"), ["broken/0", "broken/9"]);
    });

    it("a body of another size than announced is refused, and nothing is stored", async () => {
      for (const [sent, size] of [[3, 4], [4, 3], [0, 1], [1, 0]] as const) {
        const stream = streamOf(sent === 0 ? [] : [new Uint8Array(sent)]);
        for (const body of [stream, new Uint8Array(sent)]) {
          await rejectsWith("unavailable", () => store.put(bucket, "sized/x", body, { size }));
        }
      }
      assert.deepEqual(await keysOf(store, bucket, "sized/"), []);
    });

    it("an abort ends a put that waits for its body, cancels the body and stores nothing", async () => {
      const abort = new AbortController();
      const source = endless();
      const putting = store.put(bucket, "aborted/x", source.stream, { signal: abort.signal });
      await source.asked;
      abort.abort(new Error("stop now"));
      await assert.rejects(() => putting, /stop now/);
      assert.equal(await source.cancelled, true);
      assert.deepEqual(await keysOf(store, bucket, "aborted/"), []);
    });

    it("an abort ends every call with its reason", async () => {
      await store.put(bucket, "late/x", new Uint8Array(3 * MIB));
      const { signal } = { signal: AbortSignal.abort(new Error("too late")) };
      await assert.rejects(() => store.check(bucket, signal), /too late/);
      await assert.rejects(() => keysOf(store, bucket, "", signal), /too late/);
      await assert.rejects(() => store.get(bucket, "late/x", { signal }), /too late/);
      await assert.rejects(() => store.put(bucket, "late/y", bytes("."), { signal }), /too late/);
      await assert.rejects(() => store.delete(bucket, "late/x", signal), /too late/);
      const abort = new AbortController();
      const object = await store.get(bucket, "late/x", { signal: abort.signal });
      const reader = object.body.getReader();
      await reader.read();
      abort.abort(new Error("in the middle"));
      await assert.rejects(async () => {
        while (!(await reader.read()).done);
      }, /in the middle/);
      assert.deepEqual(await keysOf(store, bucket, "late/"), ["late/x"]);
    });

    it("a body that is not wanted can be cancelled", async () => {
      await store.put(bucket, "cancel/x", new Uint8Array(3 * MIB));
      await (await store.get(bucket, "cancel/x")).body.cancel();
      const reader = (await store.get(bucket, "cancel/x")).body.getReader();
      await reader.read();
      await reader.cancel();
    });

    it("get() with ifMatch gives the object only while it is the same", async () => {
      const { etag } = await store.put(bucket, "match/x", bytes("one"));
      const same = await store.get(bucket, "match/x", { ifMatch: etag });
      assert.equal(await new Response(same.body).text(), "one");
      await store.put(bucket, "match/x", bytes("two"));
      const error = await rejectsWith(
        "precondition",
        () => store.get(bucket, "match/x", { ifMatch: etag }),
      );
      assert.match(error.message, /has changed/);
    });

    it("a missing key is missing-key and names bucket, key and address", async () => {
      const error = await rejectsWith("missing-key", () => store.get(bucket, "not/there"));
      assert.equal(error.bucket, bucket);
      assert.equal(error.key, "not/there");
      for (const part of [bucket, "not/there", store.address]) {
        assert.ok(error.message.includes(part), `${error.message} lacks ${part}`);
      }
    });

    it("a missing bucket is missing-bucket everywhere", async () => {
      const none = "no-such-bucket-here";
      const error = await rejectsWith("missing-bucket", () => store.check(none));
      assert.match(error.message, /create it or correct/);
      assert.ok(error.message.includes(store.address));
      await rejectsWith("missing-bucket", () => keysOf(store, none, ""));
      await rejectsWith("missing-bucket", () => store.get(none, "x"));
      await rejectsWith("missing-bucket", () => store.put(none, "x", bytes(".")));
      await rejectsWith("missing-bucket", () => store.put(none, "x", streamOf([bytes(".")])));
      await rejectsWith("missing-bucket", () => store.put(none, "x", new Uint8Array(9 * MIB)));
      await rejectsWith("missing-bucket", () => store.delete(none, "x"));
    });

    it("check() resolves for a bucket that is there", async () => {
      await store.check(bucket);
    });

    it("delete() removes one object, and may be repeated", async () => {
      await store.put(bucket, "delete/x", bytes("."));
      await store.put(bucket, "delete/xy", bytes("."));
      await store.delete(bucket, "delete/x");
      await store.delete(bucket, "delete/x");
      assert.deepEqual(await keysOf(store, bucket, "delete/"), ["delete/xy"]);
      await store.delete(bucket, "delete");
      assert.deepEqual(await keysOf(store, bucket, "delete/"), ["delete/xy"]);
      await rejectsWith("missing-key", () => store.get(bucket, "delete/x"));
    });

    for (
      const key of [
        "",
        "/abs",
        ".",
        "..",
        "../other/x",
        "a/../b",
        "a/./b",
        "a/..",
        "nul\0",
        "half \ud83d",
        "x".repeat(1_025),
        "é".repeat(513),
      ]
    ) {
      it(`key ${JSON.stringify(key.slice(0, 20))} (${key.length}) is bad-name everywhere`, async () => {
        const source = endless();
        await rejectsWith("bad-name", () => store.get(bucket, key));
        await rejectsWith("bad-name", () => store.put(bucket, key, bytes(".")));
        await rejectsWith("bad-name", () => store.put(bucket, key, source.stream));
        assert.equal(await source.cancelled, true);
        await rejectsWith("bad-name", () => store.delete(bucket, key));
      });
    }

    for (const prefix of ["/abs", "../", "a/../b", "./", "nul\0", "x".repeat(1_025)]) {
      it(`prefix ${JSON.stringify(prefix.slice(0, 20))} is bad-name`, async () => {
        await rejectsWith("bad-name", () => keysOf(store, bucket, prefix));
      });
    }

    for (
      const wrong of [
        "",
        "x",
        "..",
        "../x",
        "a/b",
        ".hidden",
        "a b",
        "a\0",
        "é-bucket",
        "x".repeat(64),
      ]
    ) {
      it(`bucket ${JSON.stringify(wrong.slice(0, 20))} is bad-name everywhere`, async () => {
        await rejectsWith("bad-name", () => store.check(wrong));
        await rejectsWith("bad-name", () => keysOf(store, wrong, ""));
        await rejectsWith("bad-name", () => store.get(wrong, "x"));
        await rejectsWith("bad-name", () => store.put(wrong, "x", bytes(".")));
        await rejectsWith("bad-name", () => store.delete(wrong, "x"));
      });
    }

    if (!features.keysAreFiles) {
      it("a key may be the folder of another, and may end with a slash", async () => {
        for (const key of ["both", "both/below", "marker/"]) {
          await store.put(bucket, key, bytes(key));
        }
        for (const key of ["both", "both/below", "marker/"]) {
          assert.equal(await textOf(store, bucket, key), key);
        }
        assert.deepEqual(await keysOf(store, bucket, "marker"), ["marker/"]);
      });
    }

    if (features.keysAreFiles) {
      it("keys that are no file names are bad-name and leave nothing", async () => {
        await store.put(bucket, "names/file", bytes("."));
        await store.put(bucket, "names/folder/file", bytes("."));
        const wrong = [
          "names/x/",
          "names//x",
          `names/${"x".repeat(256)}`,
          "names/file/x",
          "names/folder",
        ];
        for (const key of wrong) {
          const error = await rejectsWith("bad-name", () => store.put(bucket, key, bytes(".")));
          assert.match(error.message, /file name|folder/);
        }
        await rejectsWith("missing-key", () => store.get(bucket, "names/folder"));
        await rejectsWith("missing-key", () => store.get(bucket, "names/file/x"));
        const kept = ["names/file", "names/folder/file"];
        assert.deepEqual(await keysOf(store, bucket, "names/"), kept);
        assert.deepEqual(await keysOf(store, bucket, "names//"), []);
      });

      it("a key may take the place of a folder whose objects are gone", async () => {
        await store.put(bucket, "gone/a/b", bytes("."));
        await store.delete(bucket, "gone/a/b");
        await store.put(bucket, "gone/a", bytes("file"));
        assert.equal(await textOf(store, bucket, "gone/a"), "file");
      });
    }

    it("an object is listed only when it is whole", async () => {
      const source = new TransformStream<Uint8Array, Uint8Array>();
      const writer = source.writable.getWriter();
      const putting = store.put(bucket, "whole/x", source.readable);
      for (let i = 0; i < 9; i++) await writer.write(new Uint8Array(MIB));
      assert.deepEqual(await keysOf(store, bucket, "whole/"), []);
      await writer.close();
      await putting;
      assert.deepEqual(await keysOf(store, bucket, "whole/"), ["whole/x"]);
    });
  });
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return counted(chunks.length, (i) => chunks[i]!);
}

/** A stream of `count` chunks that makes each only when it is asked for. */
export function counted(
  count: number,
  chunk: (index: number) => Uint8Array,
): ReadableStream<Uint8Array> {
  let next = 0;
  return new ReadableStream({
    pull(controller) {
      if (next < count) controller.enqueue(chunk(next++));
      else controller.close();
    },
  }, { highWaterMark: 0 });
}

/** A stream that never gives anything and tells whether it was cancelled. */
export function endless() {
  const asked = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<boolean>();
  const stream = new ReadableStream<Uint8Array>({
    pull() {
      asked.resolve();
      return cancelled.promise.then(() => {});
    },
    cancel() {
      cancelled.resolve(true);
    },
  }, { highWaterMark: 0 });
  return { stream, asked: asked.promise, cancelled: cancelled.promise };
}

export async function textOf(store: Store, bucket: string, key: string): Promise<string> {
  return await new Response((await store.get(bucket, key)).body).text();
}

export async function keysOf(
  store: Store,
  bucket: string,
  prefix: string,
  signal?: AbortSignal,
): Promise<string[]> {
  return (await keysAndInfo(store, bucket, prefix, signal)).map((info) => info.key);
}

async function keysAndInfo(
  store: Store,
  bucket: string,
  prefix: string,
  signal?: AbortSignal,
): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for await (const page of store.list(bucket, prefix, signal)) found.push(...page);
  return found;
}

export async function rejectsWith(
  kind: StoreErrorKind,
  run: () => Promise<unknown>,
): Promise<StoreError> {
  try {
    await run();
  } catch (error) {
    assert.ok(error instanceof StoreError, `not a StoreError: ${error}`);
    assert.equal(error.kind, kind, error.message);
    return error;
  }
  throw new assert.AssertionError({ message: `nothing was thrown, expected ${kind}` });
}

export async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  run: (item: T) => Promise<unknown>,
): Promise<void> {
  const waiting = items.values();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (const item of waiting) await run(item);
  }));
}

function sortedKeys(keys: readonly string[]): string[] {
  return [...keys].sort((a, b) => Buffer.compare(bytes(a), bytes(b)));
}
