import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createLogger } from "../../../src/base/log.ts";
import { type Transfer, TransferLog } from "../../../src/runtime/downloads/transfer_log.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { taskStoreOf } from "../../support/in_process/task_store.ts";

const MIB = 1024 * 1024;

function logged() {
  const lines: Record<string, unknown>[] = [];
  return { lines, log: createLogger({ write: (line) => lines.push(JSON.parse(line)) }) };
}

function bodyOf(size: number, piece: number): ReadableStream<Uint8Array> {
  let left = size;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(Math.min(piece, left)));
      left -= Math.min(piece, left);
      if (left === 0) controller.close();
    },
  });
}

/** The lines of one whole transfer. */
async function linesOf(
  percent: number | undefined,
  { total = 2 * MIB, piece = 65_536 }: { total?: number; piece?: number } = {},
) {
  const { lines, log } = logged();
  const transfer: Transfer = { direction: "Download", bucket: "docs", key: "a.bin", total };
  const progress = new TransferLog({ log, percent }).begin(transfer);
  const read = await new Response(progress.counted(bodyOf(total, piece))).bytes();
  assert.equal(read.length, total);
  progress.done();
  return lines;
}

describe("TransferLog", () => {
  it("logs direction, object, percent, bytes and total at INFO at each step", async () => {
    const lines = await linesOf(25);
    assert.deepEqual(
      lines.map(({ time: _, ...line }) => line),
      [25, 50, 75, 100].map((percent) => ({
        level: "INFO",
        message: "Download progress",
        bucket: "docs",
        key: "a.bin",
        percent,
        bytes: 2 * MIB * percent / 100,
        total: 2 * MIB,
      })),
    );
  });

  for (
    const [percent, piece, expected] of [
      [1, 2 * MIB / 200, Array.from({ length: 100 }, (_, i) => i + 1)],
      [30, 2 * MIB / 100, [30, 60, 90, 100]],
      [30, 2 * MIB / 4, [50, 100]],
      [50, 2 * MIB, [100]],
      [100, 65_536, [100]],
    ] as const
  ) {
    it(`with ${percent} % and pieces of ${piece} bytes logs ${expected.slice(0, 5).join(", ")} %`, async () => {
      const lines = await linesOf(percent, { piece: Math.ceil(piece) });
      assert.deepEqual(lines.map((line) => line.percent), expected);
    });
  }

  it("logs nothing unless it is asked to, nor for 1 MiB or less, nor for an unknown total", async () => {
    assert.deepEqual(await linesOf(undefined), []);
    assert.deepEqual(await linesOf(10, { total: MIB }), []);
    assert.equal((await linesOf(100, { total: MIB + 1 })).length, 1);
    const { lines, log } = logged();
    const progress = new TransferLog({ log, percent: 1 })
      .begin({ direction: "Upload", bucket: "b", key: "k", total: undefined });
    const body = bodyOf(2 * MIB, MIB);
    assert.equal(progress.counted(body), body, "the body itself, uncounted");
    progress.done();
    assert.deepEqual(lines, []);
  });

  it("never logs 100 % for a transfer that failed", async () => {
    const { lines, log } = logged();
    const progress = new TransferLog({ log, percent: 10 })
      .begin({ direction: "Upload", bucket: "b", key: "k", total: 2 * MIB });
    await new Response(progress.counted(bodyOf(2 * MIB, MIB / 4))).bytes();
    assert.deepEqual(lines.map(({ percent }) => percent), [12, 25, 37, 50, 62, 75, 87]);
  });
});

describe("KFLOW_DL_UP_PROGRESS and put()", () => {
  it("log a stream of known size, and neither bytes nor a stream of unknown size", async () => {
    const { lines, log } = logged();
    const store = taskStoreOf(new MemoryStore({ createBuckets: true }), { log, percent: 50 });
    await store.put("docs", "known", bodyOf(4 * MIB, 65_536), { size: 4 * MIB });
    assert.deepEqual(lines.map(({ message, key, percent }) => [message, key, percent]), [
      ["Upload progress", "known", 50],
      ["Upload progress", "known", 100],
    ]);
    await store.put("docs", "unknown", bodyOf(4 * MIB, 65_536));
    await store.put("docs", "bytes", new Uint8Array(4 * MIB));
    assert.equal(lines.length, 2);
  });
});
