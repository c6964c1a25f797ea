import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { MemoryFiles } from "../../../src/files/memory.ts";
import { createLogger } from "../../../src/base/log.ts";
import { DownloadClaim } from "../../../src/runtime/downloads/download_claim.ts";
import type { Timers } from "../../../src/base/time/timers.ts";

const MINUTE = 60_000;

/** A download folder, its clock, and the timers of each process that uses it. */
function setUp() {
  const logged: Record<string, unknown>[] = [];
  const log = createLogger({ level: "DEBUG", write: (line) => logged.push(JSON.parse(line)) });
  let now = 1_000_000;
  const files = new MemoryFiles({ now: () => now });
  const renewals = new Set<() => void>();
  const alive = new Map<string, boolean>();
  const timers = (): Timers => ({
    now: () => now,
    after: () => () => {},
    every(_milliseconds, call) {
      renewals.add(call);
      return () => renewals.delete(call);
    },
  });
  return {
    files,
    log,
    logged,
    /** @param owner Absent: nothing is known of processes, as in containers that share a volume. */
    async start(owner?: string) {
      const processes = {
        own: owner,
        isAlive: (name: string) => alive.has(name) ? alive.get(name) : undefined,
      };
      if (owner !== undefined) alive.set(owner, true);
      return await DownloadClaim.make(files, { log, processes, timers: timers() });
    },
    alive,
    /** Processes whose timers are gone: SIGKILL. */
    killAll: () => renewals.clear(),
    /** In steps of 30 s, in which those that live renew their claims. */
    async pass(milliseconds: number) {
      for (const end = now + milliseconds; now < end;) {
        now += 30_000;
        for (const renew of renewals) renew();
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    },
    async tops() {
      return (await files.list("")).map(({ path }) => path).sort();
    },
  };
}

describe("DownloadClaim", () => {
  it("removes what a killed process left with the first start some minutes later", async () => {
    const { files, start, killAll, pass, tops, logged } = setUp();
    const killed = await start();
    await files.write(`${killed.folder}/download/a.txt`, new Uint8Array(1));
    killAll();
    await pass(4 * MINUTE);
    const early = await start();
    assert.deepEqual(await tops(), [killed.folder, early.folder].sort());
    await pass(2 * MINUTE);
    const late = await start();
    assert.deepEqual(await tops(), [early.folder, late.folder].sort());
    assert.deepEqual(logged.map(({ message, folder }) => [message, folder]), [
      ["Removed downloads of a process that is gone", `/memory/${killed.folder}`],
    ]);
  });

  it("never touches the folder of a process that lives, however old its downloads are", async () => {
    const { files, start, pass } = setUp();
    const living = await start();
    await files.write(`${living.folder}/download/a.txt`, new Uint8Array(1));
    for (let hours = 0; hours < 3; hours++) {
      await pass(60 * MINUTE);
      await (await start()).release();
    }
    assert.equal((await files.stat(`${living.folder}/download/a.txt`))?.size, 1);
  });

  it("asks for the process itself where it can: removes the folder of a dead one at once, and never that of a living one", async () => {
    const { start, alive, killAll, pass, tops } = setUp();
    const gone = await start("gone");
    const blocked = await start("blocked");
    const elsewhere = await start();
    // None of them renews its claim any more: one because it computes for an hour.
    killAll();
    alive.set("gone", false);
    const first = await start("first");
    assert.ok(!(await tops()).includes(gone.folder));
    assert.ok((await tops()).includes(elsewhere.folder));
    await pass(60 * MINUTE);
    const second = await start("second");
    assert.deepEqual(await tops(), [blocked.folder, first.folder, second.folder].sort());
  });

  it("leaves a folder alone whose process has not written its claim yet", async () => {
    const { files, start, pass, tops } = setUp();
    const unclaimed = `kflow-${crypto.randomUUID()}`;
    await files.makeDirectory(unclaimed);
    await pass(4 * MINUTE);
    await (await start()).release();
    assert.deepEqual(await tops(), [unclaimed]);
    await pass(2 * MINUTE);
    await (await start()).release();
    assert.deepEqual(await tops(), []);
  });

  it("removes nothing that is not a claimed folder", async () => {
    const { files, start, pass, tops } = setUp();
    const theirs = [
      "notes.txt",
      "kflow",
      `kflow-${crypto.randomUUID()}`,
      crypto.randomUUID(),
      `kflow-${crypto.randomUUID()}-x`,
    ];
    for (const name of theirs.slice(0, 3)) await files.write(name, new Uint8Array(1));
    for (const name of theirs.slice(3)) await files.write(`${name}/claim`, new Uint8Array(1));
    await pass(60 * MINUTE);
    await (await start()).release();
    assert.deepEqual(await tops(), theirs.sort());
  });

  it("is removed with the end of its process, unless unflushed files are left", async () => {
    const { files, start, pass, tops } = setUp();
    const empty = await start();
    const kept = await start();
    await files.write(`${kept.folder}/download/a.txt`, new Uint8Array(1));
    await empty.release();
    await kept.release();
    assert.deepEqual(await tops(), [kept.folder]);
    await pass(6 * MINUTE);
    await (await start()).release();
    assert.deepEqual(await tops(), []);
  });

  it("warns and continues when a claim cannot be renewed or a folder not removed", async () => {
    const { files, start, killAll, pass, logged } = setUp();
    await start();
    await start();
    killAll();
    await pass(6 * MINUTE);
    const { write, remove } = files;
    files.remove = () => Promise.reject(new Error("stuck"));
    const claim = await start();
    files.write = () => Promise.reject(new Error("full"));
    await pass(30_000);
    files.write = write;
    files.remove = remove;
    await claim.release();
    assert.deepEqual(logged.map(({ message, reason }) => [message, reason]), [
      ["Cannot remove abandoned downloads", "stuck"],
      ["Cannot remove abandoned downloads", "stuck"],
      ["Cannot renew the claim on the download folder: another process may remove it", "full"],
    ]);
  });
});
