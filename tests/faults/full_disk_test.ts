import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { openNodeFiles } from "../../adapters/shared/node/node_files.ts";
import type { Files } from "../../src/files/files.ts";
import type { Context } from "../../src/api/context.ts";
import { DirectoryStore } from "../../src/store/directory.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { eventually } from "../support/waiting.ts";
import { type FlowResult, runFlow } from "../support/in_process/flow.ts";

const DISK_BYTES = 1 << 20;
const OBJECT_BYTES = 20_000;
const run = promisify(execFile);
/** Only root may mount a small disk; elsewhere there is none to fill. */
const skip = process.platform === "linux" && process.getuid?.() === 0
  ? false
  : "only root on Linux can mount a small disk";

describe("a disk of 1 MiB that is full for a while", { skip }, () => {
  let mount: string;
  let files: Files;
  let filler: string;
  before(async () => {
    mount = await mkdtemp(join(tmpdir(), "kflow-full-"));
    await run("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", mount]);
    await mkdir(join(mount, "area", "results"), { recursive: true });
    files = await openNodeFiles(join(mount, "area"));
    filler = join(mount, "filler");
  });
  after(async () => {
    await run("umount", [mount]);
    await rm(mount, { recursive: true });
  });

  /** Fills the disk, runs the flow, and makes room when a line says that there is none. */
  async function whileFull(
    work: (told: (line: Record<string, unknown>) => void) => Promise<FlowResult>,
    expected: RegExp,
  ): Promise<FlowResult> {
    await writeFile(filler, new Uint8Array(DISK_BYTES)).catch(() => {});
    const seen: string[] = [];
    const running = work(({ level, message }) => {
      if (level === "WARNING") seen.push(String(message));
    });
    await eventually(() => seen.some((message) => expected.test(message)), String(expected));
    await rm(filler);
    return await running;
  }

  async function docs(count: number, size = OBJECT_BYTES): Promise<MemoryStore> {
    const store = new MemoryStore({ buckets: ["docs"] });
    for (let n = 0; n < count; n++) await store.put("docs", `d${n}`, new Uint8Array(size));
    return store;
  }

  const DOWNLOADS = `
name: full
mode: batch
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: list, type: fs-source, format: list, topics: s3a://docs, out: [work]}
  - id: work
    type: raw
    module: ./x.ts
    globalConfig: {store: {autoDownload: true}}
    meta: {max.attempts: 1, concurrency: 4}
`;

  it("costs downloads no attempt, and they go on when there is room", async () => {
    const store = await docs(20);
    const { task } = await whileFull(
      (told) =>
        runFlow({
          yaml: DOWNLOADS,
          store,
          files,
          told,
          functions: { work: (_: unknown, { localPath }: Context) => assert.ok(localPath) },
        }),
      /^The disk of the download folder .* is full, trying again in \d+ ms$/,
    );
    const { acked, errors, dead } = task("work").counts;
    assert.deepEqual({ acked, errors, dead }, { acked: 20, errors: 0, dead: 0 });
  });

  it("makes a dead letter of an object that is larger than the whole disk", async () => {
    const store = await docs(1, 2 * DISK_BYTES);
    const { task } = await runFlow({
      yaml: DOWNLOADS,
      store,
      files,
      functions: { work: () => assert.fail("there is no file") },
      deadLetters: { place: "nowhere", put: () => Promise.resolve() },
    });
    const [letter] = task("work").deadLetters;
    assert.match(letter!.error, /2097152 bytes are more than the whole disk of .* has/);
    assert.equal(letter!.attempts, 1);
  });

  it("costs what a sink writes no attempt", async () => {
    const { task } = await whileFull(
      (told) =>
        runFlow({
          yaml: `
name: fullsink
mode: batch
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./x.ts, out: [store], schema: '{"type":"record","name":"t","fields":[{"name":"text","type":"string"}]}'}
  - {id: store, type: s3-sink, topics: s3a://results, meta: {max.attempts: 1}}
`,
          store: new DirectoryStore(files),
          told,
          functions: { make: [{ text: "x".repeat(100_000) }] },
        }),
      /^The store has no room, trying again in \d+ ms$/,
    );
    const { acked, errors, dead } = task("store").counts;
    assert.deepEqual({ acked, errors, dead }, { acked: 1, errors: 0, dead: 0 });
  });
});
