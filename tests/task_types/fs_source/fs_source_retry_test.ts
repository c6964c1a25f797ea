import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createMemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { type ObjectInfo, StoreError } from "../../../src/store/store.ts";
import { runFlow } from "../../support/in_process/flow.ts";
import { StateFileOfTest } from "../../support/in_process/state_file.ts";

const PIPELINE = `
mode: batch
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - id: list
    type: fs-source
    format: list
    topics: s3a://docs
    meta: {checkpoint: true}
    out: [work]
  - id: work
    type: raw
    module: ./work.ts
    meta: {max.attempts: 1}
    schema: |
      {"type": "record", "name": "result", "fields": [{"name": "key", "type": "string"}]}
    out: [show]
  - id: show
    type: print
`;

/** Goes away in the middle of its first listing. */
class FalteringStore extends MemoryStore {
  listings = 0;
  readonly listedAgain = Promise.withResolvers<void>();

  constructor(readonly kind: "unavailable" | "unauthenticated") {
    super({ buckets: ["docs"] });
  }

  override async *list(bucket: string, prefix: string): AsyncIterable<ObjectInfo[]> {
    const isFirst = ++this.listings === 1;
    for await (const page of super.list(bucket, prefix)) {
      yield isFirst ? page.slice(0, 1) : page;
      if (isFirst) throw new StoreError("Cannot list: it is away", { kind: this.kind });
    }
    this.listedAgain.resolve();
  }
}

describe("fs-source after a listing that failed in the middle", () => {
  for (const kind of ["unavailable", "unauthenticated"] as const) {
    it(`does not remember as done what is only on its way, of a store that is ${kind}`, async () => {
      const store = new FalteringStore(kind);
      for (const key of ["a", "b"]) await store.put("docs", key, new Uint8Array(1));
      const stateFile = new StateFileOfTest();
      const calls: string[] = [];
      // As a process does: each run with a broker of its own, on the state that the last one left.
      const run = async (id: string, isBad: boolean) => {
        const broker = createMemoryBroker({ stateFile });
        const result = await runFlow({
          yaml: PIPELINE,
          broker,
          store,
          run: id,
          functions: {
            work: async ({ key }: { key: string }) => {
              calls.push(`${id} ${key}`);
              await store.listedAgain.promise;
              if (isBad && key === "a") throw new Error("not this one");
              return { key };
            },
          },
        });
        await broker.close();
        return result;
      };
      const first = await run("one", true);
      assert.equal(first.task("work").counts.dead, 1);
      await run("two", false);
      assert.deepEqual(calls, ["one a", "one b", "two a"]);
    });
  }
});
