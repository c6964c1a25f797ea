import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { MemoryState } from "../../../src/broker/memory/memory_state.ts";
import { FlowNames } from "../../../src/broker/subjects.ts";
import { createLogger } from "../../../src/base/log.ts";
import { BatchEnd } from "../../../src/runtime/run/finished_tasks.ts";

const log = createLogger({ write: () => {} });

function batchEnd(state: MemoryState, run = "r"): BatchEnd {
  return new BatchEnd({ state, names: new FlowNames("f"), run, log });
}

describe("BatchEnd", () => {
  it("resolves when the last of the producers is finished, recorded by any worker", async () => {
    const state = new MemoryState();
    const waiting = batchEnd(state).waitFor(["a", "b"], new AbortController().signal);
    await batchEnd(state).finish("a");
    const early = await Promise.race([waiting, Promise.resolve("not yet")]);
    assert.equal(early, "not yet");
    await batchEnd(state).finish("b");
    assert.equal(await waiting, true);
  });

  it("stops waiting when the signal is aborted", async () => {
    const stop = new AbortController();
    const waiting = batchEnd(new MemoryState()).waitFor(["a"], stop.signal);
    stop.abort();
    assert.equal(await waiting, false);
  });

  it("keeps the finished tasks of each run apart", async () => {
    const state = new MemoryState();
    await batchEnd(state, "one").finish("a");
    assert.equal(await batchEnd(state, "one").isFinished("a"), true);
    assert.equal(await batchEnd(state, "two").isFinished("a"), false);
  });

  it("forgets one run and no other", async () => {
    const state = new MemoryState();
    await batchEnd(state, "one").finish("a");
    await batchEnd(state, "two").finish("a");
    await batchEnd(state, "one").forget();
    assert.deepEqual(await state.keys("finished"), ["finished.f.two.a"]);
  });

  it("asks the broker no more often for a thousand waiting tasks than for one", async () => {
    const state = new MemoryState();
    let asked = 0;
    const keys = state.keys.bind(state);
    state.keys = (prefix) => {
      asked++;
      return keys(prefix);
    };
    const end = batchEnd(state);
    const { signal } = new AbortController();
    const waiting = Array.from({ length: 1000 }, () => end.waitFor(["a"], signal));
    await batchEnd(state).finish("a");
    assert.ok((await Promise.all(waiting)).every((finished) => finished));
    assert.ok(asked <= 3, `asked ${asked} times`);
  });

  it("waits again after everything it waited for was finished", async () => {
    const state = new MemoryState();
    const end = batchEnd(state);
    const { signal } = new AbortController();
    await Promise.all([end.waitFor(["a"], signal), batchEnd(state).finish("a")]);
    await Promise.all([end.waitFor(["b"], signal), batchEnd(state).finish("b")]);
    await Promise.all([end.waitFor(["c"], signal), end.finish("c")]);
  });

  it("goes on waiting when the state cannot be read for a while", async () => {
    const state = new MemoryState();
    let failures = 2;
    const keys = state.keys.bind(state);
    state.keys = (prefix) => failures-- > 0 ? Promise.reject(new Error("away")) : keys(prefix);
    await batchEnd(state).finish("a");
    assert.equal(await batchEnd(state).waitFor(["a"], new AbortController().signal), true);
    assert.ok(failures < 0);
  });
});
