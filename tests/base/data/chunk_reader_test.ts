import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { type ChunkReader, chunkReader } from "../../../src/base/data/chunk_reader.ts";

const CONTENT = new TextEncoder().encode("of ten byt");

/** A stream that the platform takes memory for in its own way. */
function plain(...chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  });
}

/** A stream that fills the memory that it is given. @param room Sizes of that. */
function ofBytes(content: Uint8Array, room: number[] = []): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    type: "bytes",
    autoAllocateChunkSize: 64 * 1024,
    pull(controller) {
      const { byobRequest } = controller;
      const view = byobRequest!.view as Uint8Array;
      room.push(view.length);
      const some = content.subarray(at, at + view.length);
      at += some.length;
      view.set(some);
      if (some.length === 0) controller.close();
      byobRequest!.respond(some.length);
    },
  });
}

async function all(reader: ChunkReader, expected: number): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  let got = 0;
  for (;;) {
    const { done, value } = await reader.read(expected - got);
    if (done) return chunks;
    chunks.push(value);
    got += value.length;
  }
}

describe("chunkReader()", () => {
  it("takes no more memory than is expected, and a byte to see the end", async () => {
    const room: number[] = [];
    const chunks = await all(chunkReader(ofBytes(CONTENT, room)), CONTENT.length);
    assert.deepEqual(chunks, [CONTENT]);
    assert.deepEqual(room, [11, 1]);
    assert.equal(chunks[0]!.buffer.byteLength, 11);
  });

  it("reads a large body in chunks of 64 KiB at most", async () => {
    const content = Uint8Array.from({ length: 150_000 }, (_, i) => i);
    const chunks = await all(chunkReader(ofBytes(content)), content.length);
    assert.deepEqual(chunks.map(({ length }) => length), [65_536, 65_536, 18_928]);
    assert.deepEqual(chunks.flatMap((chunk) => [...chunk]), [...content]);
  });

  it("gives what is beyond what was expected", async () => {
    for (const body of [ofBytes(CONTENT), plain(CONTENT)]) {
      const chunks = await all(chunkReader(body), 4);
      assert.equal(chunks.reduce((size, { length }) => size + length, 0), CONTENT.length);
    }
  });

  it("reads any other stream chunk by chunk, and no body as an empty one", async () => {
    const [one, other] = [CONTENT.subarray(0, 3), CONTENT.subarray(3)];
    assert.deepEqual(await all(chunkReader(plain(one, other)), CONTENT.length), [one, other]);
    assert.deepEqual(await all(chunkReader(null), 0), []);
  });

  it("fails as the body does", async () => {
    const broken = new Error("broken");
    const streams = [
      new ReadableStream<Uint8Array>({ pull: () => Promise.reject(broken) }),
      new ReadableStream<Uint8Array>({ type: "bytes", pull: () => Promise.reject(broken) }),
    ];
    for (const stream of streams) {
      await assert.rejects(chunkReader(stream).read(1), broken);
    }
  });
});
