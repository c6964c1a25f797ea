import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { MemoryStore } from "../../../src/store/memory.ts";
import { runFlow } from "../../support/in_process/flow.ts";
import { onNats } from "../../support/in_process/on_nats.ts";

const OBJECTS = 5000;

onNats("a NATS server that takes messages of 64 KiB", (given) => {
  for (const checkpoint of [true, false]) {
    const title = `lists ${OBJECTS} objects in a batch, ${
      checkpoint ? "with" : "without"
    } a checkpoint`;
    it(title, async () => {
      const store = new MemoryStore({ buckets: ["docs"] });
      for (let n = 0; n < OBJECTS; n++) await store.put("docs", `d${n}`, new Uint8Array(1));
      const { report, task } = await runFlow({
        yaml: `
name: small-${checkpoint}
mode: batch
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: list, type: fs-source, format: list, topics: s3a://docs, meta: {checkpoint: ${checkpoint}}, out: [work]}
  - {id: work, type: raw, module: ./x.ts}
`,
        store,
        broker: given.broker,
        functions: { work: () => {} },
      });
      assert.equal(report.finished, true);
      assert.equal(task("work").counts.acked, OBJECTS);
    });
  }
}, { config: "max_payload: 65536" });
