import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { type Files, FilesError } from "../../src/files/files.ts";

/** Every sentence of the Files port, for one implementation. `make` gives a new, empty area each time. */
export function testFiles(name: string, make: () => Promise<Files>): void {
  describe(`Files: ${name}`, () => {
    it("write() makes folders above, read() gives the bytes back and stat() tells about them", async () => {
      const files = await make();
      assert.equal(await files.write("a/b/c.txt", bytes("hello")), 5);
      assert.equal(await textOf(files, "a/b/c.txt"), "hello");
      const info = await files.stat("a/b/c.txt");
      assert.equal(info?.path, "a/b/c.txt");
      assert.equal(info?.size, 5);
      assert.equal(info?.isDirectory, false);
      assert.ok(Math.abs(Date.now() - info.modifiedUnixMilli) < 60_000);
      assert.equal((await files.stat("a/b"))?.isDirectory, true);
      assert.equal((await files.stat(""))?.isDirectory, true);
    });

    it("append() makes a private file and adds to its end", async () => {
      const files = await make();
      await files.append("a/log", bytes("one\n"));
      await files.append("a/log", bytes(""));
      await files.append("a/log", bytes("two\n"));
      assert.equal(await textOf(files, "a/log"), "one\ntwo\n");
      await files.remove("a/log");
      await files.append("a/log", bytes("three\n"));
      assert.equal(await textOf(files, "a/log"), "three\n");
      await assert.rejects(files.append("../log", bytes("x")), RangeError);
      await files.write("folder/inside", bytes("x"));
      await assert.rejects(files.append("folder", bytes("x")), FilesError);
    });

    it("room() gives the bytes of the disk and those that are free, or nothing", async () => {
      const room = await (await make()).room();
      if (room === undefined) return;
      assert.ok(room.free >= 0 && room.free <= room.total, JSON.stringify(room));
      assert.ok(Number.isSafeInteger(room.total));
    });

    it("write() stores an empty file and a stream of many chunks", async () => {
      const files = await make();
      assert.equal(await files.write("empty", new Uint8Array()), 0);
      assert.equal(await textOf(files, "empty"), "");
      const chunks = Array.from({ length: 300 }, (_, i) => bytes(`${i},`.repeat(200)));
      const size = await files.write("many", streamOf(chunks));
      assert.equal(size, chunks.reduce((sum, chunk) => sum + chunk.length, 0));
      assert.equal(await textOf(files, "many"), chunks.map((c) => text(c)).join(""));
    });

    it("write() replaces a file and changes its version", async () => {
      const files = await make();
      await files.write("x", bytes("one"));
      const first = await files.stat("x");
      assert.equal((await files.stat("x"))?.version, first?.version);
      await files.write("x", bytes("two"));
      const second = await files.stat("x");
      assert.notEqual(second?.version, first?.version);
      assert.equal(await textOf(files, "x"), "two");
    });

    it("read() keeps giving the old content when the file is replaced or removed meanwhile", async () => {
      const files = await make();
      await files.write("x", bytes("old"));
      const body = await files.read("x");
      await files.write("x", bytes("new"));
      await files.remove("x");
      assert.equal(await new Response(body).text(), "old");
    });

    it("names with spaces, accents, % and a leading dash are kept as they are", async () => {
      const files = await make();
      const names = [
        "%20",
        "%2F",
        " x ",
        "-rf",
        "a+b",
        "e\u0301",
        "\u00e9",
        "{}",
        "😀",
        "\\",
        "a\nb",
      ];
      for (const name of names) await files.write(`d/${name}`, bytes(name));
      const listed = (await files.list("d")).map((info) => info.path.slice(2));
      assert.deepEqual(listed, [...names].sort((a, b) => Buffer.compare(bytes(a), bytes(b))));
      for (const name of names) assert.equal(await textOf(files, `d/${name}`), name);
    });

    it("list() gives direct children only, sorted by UTF-8 bytes", async () => {
      const files = await make();
      for (const path of ["b/1", "a", "\u{1f600}", "\uff5e", "B", "b/2/3"]) {
        await files.write(path, bytes("."));
      }
      assert.deepEqual((await files.list("")).map((info) => [info.path, info.isDirectory]), [
        ["B", false],
        ["a", false],
        ["b", true],
        ["\uff5e", false],
        ["\u{1f600}", false],
      ]);
      assert.deepEqual((await files.list("b")).map((info) => info.path), ["b/1", "b/2"]);
    });

    it("what is missing reads as undefined or as an empty list", async () => {
      const files = await make();
      await files.write("f", bytes("."));
      await files.makeDirectory("d");
      for (const path of ["nothing", "no/thing", "f/below"]) {
        assert.equal(await files.stat(path), undefined);
        assert.equal(await files.read(path), undefined);
        assert.deepEqual(await files.list(path), []);
        await files.remove(path);
      }
      assert.equal(await files.read("d"), undefined);
      assert.deepEqual(await files.list("f"), []);
      assert.equal(await textOf(files, "f"), ".");
    });

    it("makeDirectory() may be repeated, and remove() takes a folder with all that is in it", async () => {
      const files = await make();
      await files.makeDirectory("d/e");
      await files.makeDirectory("d/e");
      await files.makeDirectory("");
      await files.write("d/e/f/g", bytes("."));
      await files.write("de", bytes("."));
      await files.remove("d");
      assert.deepEqual((await files.list("")).map((info) => info.path), ["de"]);
      await files.remove("d");
    });

    for (
      const path of [
        "/etc/passwd",
        "a//b",
        "a/",
        ".",
        "..",
        "../x",
        "a/../b",
        "a/./b",
        "a\0b",
        "a/\ud800",
        `d/.kflow-${"0".repeat(32)}.part`,
      ]
    ) {
      it(`path ${JSON.stringify(path)} is refused everywhere with RangeError`, async () => {
        const files = await make();
        const source = watched();
        await assert.rejects(() => files.write(path, source.stream), RangeError);
        assert.equal(await source.cancelled, true);
        await assert.rejects(() => files.stat(path), RangeError);
        await assert.rejects(() => files.list(path), RangeError);
        await assert.rejects(() => files.read(path), RangeError);
        await assert.rejects(() => files.makeDirectory(path), RangeError);
        await assert.rejects(() => files.remove(path), RangeError);
      });
    }

    it("the root itself can be neither written nor read nor removed", async () => {
      const files = await make();
      await assert.rejects(() => files.write("", bytes("x")), RangeError);
      await assert.rejects(() => files.read(""), RangeError);
      await assert.rejects(() => files.remove(""), RangeError);
    });

    it("a file being written is not listed, and appears whole", async () => {
      const files = await make();
      const source = new TransformStream<Uint8Array, Uint8Array>();
      const writer = source.writable.getWriter();
      const writing = files.write("d/x", source.readable);
      await writer.write(bytes("half"));
      await writer.ready;
      assert.deepEqual(await files.list("d"), []);
      assert.equal(await files.stat("d/x"), undefined);
      await writer.close();
      await writing;
      assert.deepEqual((await files.list("d")).map((info) => info.path), ["d/x"]);
    });

    it("a body that fails leaves the old file, and its error is passed on", async () => {
      const files = await make();
      await files.write("d/x", bytes("old"));
      const wrong = new Error("source broke");
      let pulls = 0;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (pulls++ < 2) controller.enqueue(bytes("part"));
          else controller.error(wrong);
        },
      });
      await assert.rejects(() => files.write("d/x", body), (error) => error === wrong);
      assert.equal(await textOf(files, "d/x"), "old");
      assert.equal((await files.list("d")).length, 1);
    });

    it("an abort ends a waiting write at once, cancels its body and leaves nothing", async () => {
      const files = await make();
      const abort = new AbortController();
      const source = watched([bytes("first")]);
      const writing = files.write("d/x", source.stream, { signal: abort.signal });
      await source.asked;
      abort.abort(new Error("stop now"));
      await assert.rejects(() => writing, /stop now/);
      assert.equal(await source.cancelled, true);
      assert.deepEqual(await files.list("d"), []);
      const late = files.write("d/x", bytes("."), { signal: abort.signal });
      await assert.rejects(() => late, /stop now/);
      assert.deepEqual(await files.list("d"), []);
    });

    it("a file where a folder is needed, and a folder with files where a file is to be, are conflicts", async () => {
      const files = await make();
      await files.write("f", bytes("."));
      await files.write("d/e/x", bytes("."));
      const conflict = (error: unknown) => error instanceof FilesError && error.kind === "conflict";
      await assert.rejects(() => files.write("f/x", bytes(".")), conflict);
      await assert.rejects(() => files.write("f/x/y", bytes(".")), conflict);
      await assert.rejects(() => files.makeDirectory("f"), conflict);
      await assert.rejects(() => files.makeDirectory("f/g"), conflict);
      await assert.rejects(() => files.write("d", bytes(".")), conflict);
      await assert.rejects(() => files.write("d/e", bytes(".")), conflict);
      assert.equal(await textOf(files, "f"), ".");
      assert.equal(await textOf(files, "d/e/x"), ".");
    });

    it("a folder with no file in it gives way to a file of its name", async () => {
      const files = await make();
      await files.makeDirectory("d/e/f");
      await files.write("d", bytes("file"));
      assert.equal(await textOf(files, "d"), "file");
    });

    it("many writers of one name leave one of their contents whole", async () => {
      const files = await make();
      const contents = Array.from({ length: 20 }, (_, i) => `${i}-`.repeat(5_000));
      await Promise.all(contents.map((content) => files.write("x/y", streamOf([bytes(content)]))));
      assert.ok(contents.includes(await textOf(files, "x/y")));
      assert.equal((await files.list("x")).length, 1);
    });

    it("a reader that cancels lets go of the file", async () => {
      const files = await make();
      await files.write("x", new Uint8Array(300_000));
      const reader = (await files.read("x"))!.getReader();
      await reader.read();
      await reader.cancel();
      await files.remove("x");
      assert.equal(await files.stat("x"), undefined);
    });
  });
}

function bytes(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

function text(content: Uint8Array): string {
  return new TextDecoder().decode(content);
}

async function textOf(files: Files, path: string): Promise<string> {
  const body = await files.read(path);
  assert.ok(body, `${path} is missing`);
  return await new Response(body).text();
}

function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

/** A stream that never ends, tells when it is asked for more than it has, and whether it was cancelled. */
function watched(chunks: Uint8Array[] = []) {
  const asked = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<boolean>();
  const waiting = [...chunks];
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = waiting.shift();
      if (chunk) return controller.enqueue(chunk);
      asked.resolve();
      return cancelled.promise.then(() => {});
    },
    cancel() {
      cancelled.resolve(true);
    },
  }, { highWaterMark: 0 });
  return { stream, asked: asked.promise, cancelled: cancelled.promise };
}
