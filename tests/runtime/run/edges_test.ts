import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createMemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import type { Context, OpenContext } from "../../../src/api/context.ts";
import type { SourceContext } from "../../../src/api/source_function.ts";
import type { TaskFunction } from "../../../src/api/task_function.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const N = '{"type": "record", "name": "n", "fields": [{"name": "n", "type": "long"}]}';
const S =
  '{"type": "record", "name": "s", "fields": [{"name": "text", "type": "string"}, {"name": "level", "type": "long", "default": 3}]}';

/** Emits `{n}` for 0 … count-1. */
function counting(count: number): TaskFunction {
  return {
    kind: "source",
    source: {
      async run(ctx: SourceContext) {
        for (let n = 0; n < count; n++) await ctx.emit({ n }, { id: `n-${n}` });
      },
    },
  };
}

function pipeline(rest: string, out: string): string {
  return `
mode: batch
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: gen, type: raw-source, schema: '${N}', out: ${out}}
${rest}`;
}

describe("an edge", () => {
  it("carries every record to every consumer of a fan-out", async () => {
    const { task } = await runFlow({
      yaml: pipeline(
        `
  - {id: a, type: print}
  - {id: b, type: print}`,
        "[a, b]",
      ),
      tasks: { gen: counting(100) },
      functions: { a: () => {}, b: () => {} },
    });
    assert.equal(task("a").counts.in, 100);
    assert.equal(task("b").counts.in, 100);
    assert.equal(task("gen").counts.out, 100);
  });

  it("joins records of several producers, each read with its own schema", async () => {
    const { printed } = await runFlow({
      yaml: pipeline(
        `
  - {id: plus, type: raw, module: ./x.ts, schema: '${S}', out: [all]}
  - {id: all, type: print}`,
        "[plus, all]",
      ),
      tasks: { gen: counting(2) },
      functions: { plus: ({ n }: { n: number }) => ({ text: `t${n}` }) },
    });
    const lines = printed.map((line) => JSON.stringify(line)).sort();
    assert.deepEqual(lines, [
      '{"n":0}',
      '{"n":1}',
      '{"text":"t0","level":3}',
      '{"text":"t1","level":3}',
    ]);
  });

  it("of a side out carries what toSideStream sends, and the main output is not touched", async () => {
    const { printed, task } = await runFlow({
      yaml: pipeline(
        `
  - id: split
    type: raw
    module: ./x.ts
    schema: '${N}'
    sideOuts: [{id: notes, schema: '${S}', out: [side]}]
    out: [main]
  - {id: main, type: print}
  - {id: side, type: print}`,
        "[split]",
      ),
      tasks: { gen: counting(4) },
      functions: {
        split: (record: { n: number }, ctx: Context) => {
          if (record.n % 2 === 0) return record;
          const note = ctx.newRecord("notes");
          assert.deepEqual(note, { text: "", level: 3 });
          void ctx.toSideStream("notes", { ...note, text: `odd ${record.n}` });
        },
      },
    });
    assert.equal(task("main").counts.in, 2);
    assert.equal(task("side").counts.in, 2);
    assert.ok(printed.some((line) => JSON.stringify(line) === '{"text":"odd 3","level":3}'));
  });

  it("refuses an unknown side out and a wrong record at the call, naming what is wrong", async () => {
    const errors: string[] = [];
    await runFlow({
      yaml: pipeline(
        `
  - id: split
    type: raw
    module: ./x.ts
    schema: '${N}'
    sideOuts: [{id: notes, schema: '${S}', out: [main]}]
    out: [main]
  - {id: main, type: print}`,
        "[split]",
      ),
      tasks: { gen: counting(1) },
      functions: {
        split: (_record: unknown, ctx: Context) => {
          for (const [id, record] of [["note", {}], ["notes", { text: 5 }]] as const) {
            try {
              void ctx.toSideStream(id, record);
            } catch (error) {
              errors.push((error as Error).message);
            }
          }
        },
      },
    });
    assert.match(errors[0]!, /no side out "note".*"notes"/);
    assert.match(errors[1]!, /text: expected string/);
  });

  it("carries records of the schema that a function declares itself", async () => {
    class Declares {
      open(ctx: OpenContext) {
        ctx.schemaOut = S;
      }
      process({ n }: { n: number }) {
        return { text: String(n), level: n };
      }
    }
    const { printed } = await runFlow({
      yaml: pipeline(
        `
  - {id: work, type: raw, module: ./x.ts, schema: '${N}', out: [show]}
  - {id: show, type: print}`,
        "[work]",
      ),
      tasks: { gen: counting(1) },
      functions: { work: Declares },
    });
    assert.deepEqual(printed, [{ text: "0", level: 0 }]);
  });

  it("holds its producer back when it is full, and loses nothing", async () => {
    let started = false;
    const { task } = await runFlow({
      yaml: pipeline(
        `
  - {id: slow, type: raw, module: ./x.ts, meta: {stream.max.bytes: 65536}}`,
        "[slow]",
      ),
      tasks: { gen: counting(5000) },
      functions: {
        slow: async () => {
          if (!started) await new Promise((resolve) => setTimeout(resolve, 20));
          started = true;
        },
      },
    });
    assert.equal(task("slow").counts.acked, 5000);
  });

  it("is emptied by the next run where an earlier one was stopped", async () => {
    const broker = createMemoryBroker();
    const yaml = pipeline(
      `
  - {id: work, type: raw, module: ./x.ts, schema: '${N}', out: [show]}
  - {id: show, type: print}`,
      "[work]",
    );
    const stop = new AbortController();
    let calls = 0;
    const first = await runFlow({
      yaml,
      broker,
      run: "one",
      stop: stop.signal,
      tasks: { gen: counting(50) },
      functions: {
        work: async (record: unknown) => {
          if (++calls === 10) stop.abort();
          await Promise.resolve();
          return record;
        },
      },
    });
    assert.equal(first.report.finished, false);
    const second = await runFlow({
      yaml,
      broker,
      run: "two",
      tasks: { gen: counting(50) },
      functions: { work: (record: unknown) => record },
    });
    const seen = [...first.printed, ...second.printed].map((line) => (line as { n: number }).n);
    assert.deepEqual(seen.sort((a, b) => a - b), Array.from({ length: 50 }, (_, n) => n));
    await broker.close();
  });

  it("stops the run when a function cannot be opened, and says which and why", async () => {
    class Broken {
      open(): void {
        throw new Error("no model file");
      }
      process(): void {}
    }
    await assert.rejects(
      runFlow({
        yaml: pipeline("  - {id: work, type: raw, module: ./x.ts}", "[work]"),
        tasks: { gen: counting(1) },
        functions: { work: Broken },
      }),
      /Cannot open task "work": no model file/,
    );
  });
});

describe("close() of a function", () => {
  it("that fails changes no result, and the report names it", async () => {
    class Closes {
      process(): void {}
      close(): void {
        throw new Error("disk full");
      }
    }
    const { task, report } = await runFlow({
      yaml: pipeline("  - {id: work, type: raw, module: ./x.ts}", "[work]"),
      tasks: { gen: counting(3) },
      functions: { work: Closes },
    });
    assert.equal(task("work").counts.acked, 3);
    assert.deepEqual(task("work").failures, ['Cannot close task "work": disk full']);
    assert.equal(report.finished, true);
  });
});
