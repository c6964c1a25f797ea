import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createMemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { runFlow } from "../../support/in_process/flow.ts";
import { StateFileOfTest } from "../../support/in_process/state_file.ts";

const YAML = `
mode: batch
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: list, type: fs-source, format: list, topics: "s3a://docs", out: [work]}
  - {id: work, type: raw, module: ./x.ts}
`;

describe("an embedded run with the id of an earlier one", () => {
  async function setUp() {
    const stateFile = new StateFileOfTest();
    const store = new MemoryStore({ buckets: ["docs"] });
    for (let i = 0; i < 20; i++) await store.put("docs", `d${i}`, new Uint8Array(1));
    return async (options: { stopAt?: number }) => {
      const broker = createMemoryBroker({ stateFile });
      const stop = new AbortController();
      const done = new Set<string>();
      const { report } = await runFlow({
        yaml: YAML,
        broker,
        store,
        run: "nightly",
        stop: stop.signal,
        functions: {
          work: async ({ key }: { key: string }) => {
            if (done.size + 1 === options.stopAt) stop.abort();
            await Promise.resolve();
            done.add(key);
          },
        },
      });
      await broker.close();
      return { report, done };
    };
  }

  it("repeats the work of one that was stopped, whose records were lost with the process", async () => {
    const pass = await setUp();
    const first = await pass({ stopAt: 1 });
    assert.equal(first.report.finished, false);
    assert.ok(first.done.size < 20);
    const second = await pass({});
    assert.equal(second.done.size, 20);
    assert.equal(second.report.finished, true);
  });

  it("does nothing after one that was finished, and logs that", async () => {
    const pass = await setUp();
    await pass({});
    const second = await pass({});
    assert.equal(second.done.size, 0);
    assert.deepEqual(second.report.finishedBefore, ["list", "work"]);
  });
});
