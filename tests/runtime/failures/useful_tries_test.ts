import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { RejectedError } from "../../../src/base/errors.ts";
import type { Context } from "../../../src/api/context.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const SCHEMA = '{"type":"record","name":"t","fields":[{"name":"text","type":"string"}]}';

/** Counts the calls for one record whose function does this, and the dead letters. */
async function tries(work: (ctx: Context) => unknown, mode = "batch"): Promise<number[]> {
  let calls = 0;
  const stop = new AbortController();
  const { task } = await runFlow({
    yaml: `
name: t
mode: ${mode}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./x.ts, schema: '${SCHEMA}', out: [work]}
  - {id: work, type: raw, module: ./x.ts, schema: '${SCHEMA}', out: [show], meta: {retry.delay.ms: 1}}
  - {id: show, type: print}
`,
    store: new MemoryStore({ buckets: ["docs"] }),
    stop: stop.signal,
    functions: {
      make: [{ text: "a" }],
      work: async (_record: unknown, ctx: Context) => {
        calls++;
        return await work(ctx);
      },
    },
    deadLetters: {
      place: "nowhere",
      put: () => Promise.resolve(stop.abort()),
    },
  });
  return [calls, task("work").counts.dead];
}

describe("a record whose error no retry can fix", () => {
  it("is given up after two tries if the result does not fit its schema", async () => {
    assert.deepEqual(await tries(() => ({ text: 7 })), [2, 1]);
  });

  it("is given up after two tries if the result is too large for a message", async () => {
    assert.deepEqual(await tries(() => ({ text: "x".repeat(2 << 20) })), [2, 1]);
  });

  it("is given up after two tries if its object does not exist", async () => {
    const work = (ctx: Context) => ctx.store.get("docs", "missing");
    assert.deepEqual(await tries(work), [2, 1]);
  });

  it("is given up at once if a server refuses it for good", async () => {
    const work = () => {
      throw new RejectedError("never");
    };
    assert.deepEqual(await tries(work), [1, 1]);
  });
});

describe("a record whose error a retry may fix", () => {
  const work = () => {
    throw new Error("not now");
  };

  it("is tried five times in a batch", async () => {
    assert.deepEqual(await tries(work), [5, 1]);
  });

  it("is tried twenty times in streaming mode", async () => {
    assert.deepEqual(await tries(work, "streaming"), [20, 1]);
  });
});
