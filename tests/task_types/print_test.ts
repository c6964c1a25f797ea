import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { PRINT_CONCURRENCY, printSink } from "../../src/task_types/print.ts";
import { runFlow } from "../support/in_process/flow.ts";

const SCHEMA = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';

describe("print", () => {
  it("has many lines taken together, in the order of the records, and none is done before", async () => {
    const lines: string[] = [];
    const waiting: (() => void)[] = [];
    let most = 0;
    let acked = () => 0;
    const stdout = {
      write: (text: string) => lines.push(text) > 0,
      drained: () =>
        new Promise<void>((resolve) => {
          waiting.push(resolve);
          most = Math.max(most, waiting.length);
          if (waiting.length < PRINT_CONCURRENCY && lines.length < 1000) return;
          assert.ok(acked() <= lines.length - waiting.length);
          for (const each of waiting.splice(0)) each();
        }),
      isTerminal: false,
      columns: 80,
    };
    const records = Array.from({ length: 1000 }, (_none, n) => ({ n }));
    const { task } = await runFlow({
      yaml: `
mode: batch
name: printed
dag:
  - {id: make, type: raw-source, module: ./x.ts, schema: '${SCHEMA}', out: [show]}
  - {id: show, type: print}
`,
      functions: { make: records },
      tasks: {
        show: { kind: "process", process: printSink(stdout), concurrency: PRINT_CONCURRENCY },
      },
      started: (all) => acked = () => all.find(({ task }) => task === "show")!.counts.acked,
    });
    assert.deepEqual(lines.map((line) => JSON.parse(line)), records);
    assert.equal(most, PRINT_CONCURRENCY);
    assert.equal(task("show").counts.acked, 1000);
  });
});
