import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Context } from "../../../src/api/context.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { StoreError, type StoreErrorKind } from "../../../src/store/store.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const YAML = `
mode: batch
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: list, type: fs-source, format: list, topics: "s3a://docs", out: [work]}
  - {id: work, type: raw, module: ./x.ts, meta: {max.attempts: 1}}
`;

const FAULTS = [
  ["unavailable", "The store is away"],
  ["unauthenticated", "The store lets nobody in"],
] as const;

function fault(kind: StoreErrorKind): StoreError {
  return new StoreError("Cannot use the store", { kind, bucket: "docs", key: "a" });
}

for (const [kind, said] of FAULTS) {
  describe(`a worker whose store is ${kind}`, () => {
    it("keeps the record, waits, and counts no attempt", async () => {
      const store = new MemoryStore({ buckets: ["docs"] });
      await store.put("docs", "a", new Uint8Array(1));
      let down = false;
      const check = store.check.bind(store);
      store.check = (bucket, signal) => {
        if (!down) return check(bucket, signal);
        down = false;
        return Promise.reject(fault(kind));
      };
      const attempts: number[] = [];
      const { task, logged } = await runFlow({
        yaml: YAML,
        store,
        functions: {
          work: (_record: unknown, ctx: Context) => {
            attempts.push(ctx.delivery.attempt);
            if (attempts.length > 1) return;
            down = true;
            throw fault(kind);
          },
        },
      });
      assert.deepEqual(attempts, [1, 1]);
      assert.equal(task("work").counts.dead, 0);
      assert.equal(task("work").counts.acked, 1);
      assert.ok(logged.some((line) => String(line.message).includes(said)));
    });

    it("nacks the record when it is stopped meanwhile, and counts no attempt", async () => {
      const store = new MemoryStore({ buckets: ["docs"] });
      await store.put("docs", "a", new Uint8Array(1));
      let isDown = false;
      store.check = () => isDown ? Promise.reject(fault(kind)) : Promise.resolve();
      const stop = new AbortController();
      const { task, logged } = await runFlow({
        yaml: YAML,
        store,
        stop: stop.signal,
        told: ({ message }) => String(message).includes(said) && stop.abort(),
        functions: {
          work: () => {
            isDown = true;
            throw fault(kind);
          },
        },
      });
      const { dead, errors, nacked } = task("work").counts;
      assert.deepEqual([dead, errors, nacked], [0, 0, 1]);
      assert.ok(!logged.some(({ message }) => /^Record (failed|is a dead)/.test(String(message))));
    });

    it("counts an attempt when the store answers and fails this object alone", async () => {
      const store = new MemoryStore({ buckets: ["docs"] });
      await store.put("docs", "a", new Uint8Array(1));
      const { task } = await runFlow({
        yaml: YAML,
        store,
        functions: {
          work: () => {
            throw fault(kind);
          },
        },
        deadLetters: { place: "nowhere", put: () => Promise.resolve() },
      });
      assert.equal(task("work").counts.dead, 1);
    });
  });
}
