import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { SourceContext } from "../../../src/api/source_function.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const N = '{"type": "record", "name": "n", "fields": [{"name": "n", "type": "long"}]}';

describe("a source on a broker that forgets", () => {
  it("is notified that a record is settled once everything made from it is, and not while it waits for room", async () => {
    const settled: number[] = [];
    let early = 0;
    let emitted = 0;
    const count = 5000;
    const { task } = await runFlow({
      yaml: `
mode: batch
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: gen, type: raw-source, schema: '${N}', out: [work]}
  - {id: work, type: raw, module: ./x.ts, meta: {stream.max.bytes: 65536}, schema: '${N}', out: [last]}
  - {id: last, type: raw, module: ./x.ts, meta: {stream.max.bytes: 65536}}
`,
      tasks: {
        gen: {
          kind: "source",
          source: {
            async run(ctx: SourceContext) {
              for (let n = 0; n < count; n++) {
                await ctx.emit({ n }, {
                  id: `n-${n}`,
                  settled: (ok) => {
                    assert.ok(ok);
                    settled.push(n);
                  },
                });
                emitted++;
              }
            },
          },
        },
      },
      functions: {
        work: async (record: unknown) => {
          if (emitted < count) await new Promise((resolve) => setTimeout(resolve, 0));
          return record;
        },
        last: () => {
          if (settled.length > task0.counts.acked) early++;
        },
      },
      started: (progress) => task0 = progress.find((each) => each.task === "last")!,
    });
    assert.equal(task("last").counts.acked, count);
    assert.equal(early, 0, "settled before the last task had acked");
    assert.equal(settled.length, count, "each once");
    assert.equal(new Set(settled).size, count);
  });
});

let task0: { counts: { acked: number } };
