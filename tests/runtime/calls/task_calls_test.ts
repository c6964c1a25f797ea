import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { MemoryFiles } from "../../../src/files/memory.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const PIPELINE = `
mode: batch
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - id: list
    type: fs-source
    format: list
    topics: s3a://docs
    out: [work]
  - id: work
    type: raw
    module: ./work.ts
    globalConfig: {store: {autoDownload: true}}
    meta: {retry.delay.ms: 1, max.attempts: 2}
    schema: |
      {"type": "record", "name": "result", "fields": [{"name": "key", "type": "string"}]}
    out: [show]
  - id: show
    type: print
`;

/** Takes its time to remove a file, as a disk does. */
class SlowFiles extends MemoryFiles {
  override async remove(path: string): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 8));
    await super.remove(path);
  }
}

describe("calls of a function", () => {
  it("are made one at a time, also while files of earlier ones are removed", async () => {
    const store = new MemoryStore({ buckets: ["docs"] });
    for (let i = 0; i < 12; i++) await store.put("docs", `${i}`, new Uint8Array([i]));
    let now = 0;
    let most = 0;
    const { printed } = await runFlow({
      yaml: PIPELINE,
      store,
      files: new SlowFiles(),
      functions: {
        work: async ({ key }: { key: string }) => {
          most = Math.max(most, ++now);
          await new Promise((resolve) => setTimeout(resolve, 5));
          now--;
          if (key === "3") throw new Error("not this one");
          return { key };
        },
      },
    });
    assert.equal(printed.length, 11);
    assert.equal(most, 1);
  });
});
