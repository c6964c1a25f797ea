import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { eventually, pause } from "../../support/waiting.ts";
import { runFlow } from "../../support/in_process/flow.ts";
import { onNats } from "../../support/in_process/on_nats.ts";

const RECORD_BYTES = 900_000;
/** What a source may hold, and what the stream takes before it is full. */
const MAX_BYTES = (16 << 20) + (2 << 20);

onNats("a source of large records whose queue is full", (given) => {
  it("holds no more of them than a bounded number of bytes", async () => {
    const stop = new AbortController();
    let made = 0;
    function* make() {
      for (;; made++) yield { text: "x".repeat(RECORD_BYTES) };
    }
    const run = runFlow({
      yaml: `
name: large
mode: streaming
dag:
  - {id: make, type: raw-source, module: ./x.ts, out: [work], schema: '{"type":"record","name":"t","fields":[{"name":"text","type":"string"}]}'}
  - {id: work, type: raw, module: ./x.ts, meta: {stream.max.bytes: 1000000}}
`,
      broker: given.broker,
      only: ["make"],
      functions: { make },
      stop: stop.signal,
    });
    await eventually(() => made > 5, "more records than the queue takes");
    // As long as the queue is full the source has to wait.
    await pause(2000);
    stop.abort();
    await run;
    assert.ok(made * RECORD_BYTES <= MAX_BYTES, `${made} records`);
  });
});
