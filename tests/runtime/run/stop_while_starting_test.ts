import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { OpenContext } from "../../../src/api/context.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const PIPELINE = `
mode: batch
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: list, type: fs-source, format: list, topics: "s3a://docs", out: [work]}
  - {id: work, type: raw, module: ./work.ts}
`;

/** Rejects with the signal's reason once it is aborted, as a request does. */
function untilAborted(signal: AbortSignal, stop: AbortController): Promise<void> {
  const { promise, reject } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  stop.abort();
  return promise;
}

describe("a stop while tasks are opened", () => {
  it("is not a failure of a source", async () => {
    const stop = new AbortController();
    const source = {
      open: ({ signal }: { signal: AbortSignal }) => untilAborted(signal, stop),
      run: () => Promise.reject(new Error("run() was called")),
    };
    const { report } = await runFlow({
      yaml: PIPELINE,
      functions: { work: () => {} },
      tasks: { list: { kind: "source", source } },
      stop: stop.signal,
    });
    assert.equal(report.finished, false);
  });

  it("is not a failure of a function", async () => {
    const stop = new AbortController();
    const work = {
      open: ({ signal }: OpenContext) => untilAborted(signal, stop),
      process: () => assert.fail("process() was called"),
    };
    const { report } = await runFlow({
      yaml: PIPELINE,
      store: new MemoryStore({ buckets: ["docs"] }),
      functions: { work },
      stop: stop.signal,
    });
    assert.equal(report.finished, false);
  });

  it("does not hide a task that cannot be opened", async () => {
    const stop = new AbortController();
    const work = { open: () => Promise.reject(new Error("no key")), process: () => {} };
    const run = runFlow({
      yaml: PIPELINE,
      store: new MemoryStore({ buckets: ["docs"] }),
      functions: { work },
      stop: stop.signal,
    });
    await assert.rejects(run, /Cannot open task "work": no key/);
  });
});
