import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AckError } from "../../../src/api/ack_error.ts";
import type { Context } from "../../../src/api/context.ts";
import { ErrorClasses } from "../../../src/runtime/progress/error_classes.ts";
import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { runFlow } from "../../support/in_process/flow.ts";

class TooLarge extends Error {}

const pipeline = (name: string) => `
name: ${name}
mode: batch
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: list, type: raw-source, module: ./x.ts, out: [work], schema: '{"type":"record","name":"n","fields":[{"name":"text","type":"string"}]}'}
  - id: work
    type: raw
    module: ./x.ts
    meta: {retry.delay.ms: 1, max.attempts: 2}
    schema: '{"type":"record","name":"m","fields":[{"name":"text","type":"string"}]}'
    out: [one, two]
    sideOuts: [{id: side, schema: '{"type":"record","name":"s","fields":[{"name":"text","type":"string"}]}', out: [two]}]
  - {id: one, type: raw, module: ./x.ts}
  - {id: two, type: raw, module: ./x.ts}
`;

onBothBrokers("what a task has done", (given) => {
  async function run(lookEveryMs?: number, seen?: (progress: readonly TaskProgress[]) => void) {
    const texts = ["a", "bb", "given up", "too large", "other"];
    return await runFlow({
      yaml: pipeline(given.flowId()),
      broker: given.broker,
      store: new MemoryStore(),
      run: crypto.randomUUID(),
      lookEveryMs,
      started: seen,
      functions: {
        list: texts.map((text) => ({ text })),
        work: async ({ text }: { text: string }, ctx: Context) => {
          if (text === "given up") throw new AckError(text);
          if (text === "too large") throw new TooLarge(text);
          if (text === "other") throw { no: "error" };
          if (text === "bb") await ctx.toSideStream("side", { text: "ccc" });
          return { text };
        },
        one: () => {},
        two: () => {},
      },
    });
  }

  it("is counted in bytes: the inputs, and each output once for any number of consumers", async () => {
    const { task } = await run();
    // Avro writes a short text with one byte for its length.
    const all = 2 + 3 + 9 + 10 + 6;
    assert.deepEqual(task("list").bytes, { in: 0, out: all });
    assert.deepEqual(task("work").bytes, { in: all + 10 + 6, out: 2 + 3 + 4 });
    assert.deepEqual(task("one").bytes, { in: 5, out: 0 });
    assert.deepEqual(task("two").bytes, { in: 9, out: 0 });
  });

  it("has its failed attempts by class, the most frequent first", async () => {
    const { task } = await run();
    const classes = new Map(task("work").errorClasses.entries());
    assert.deepEqual(Object.fromEntries(classes), { TooLarge: 2, Error: 2, AckError: 1 });
    assert.equal([...classes.values()][2], 1);
    assert.deepEqual(task("one").errorClasses.entries(), []);
  });

  it("has times of each call, and of the first and the last record", async () => {
    const before = performance.now();
    const { task } = await run();
    const { times, startedAt, endedAt } = task("work");
    assert.equal(times.processing.count, 7);
    assert.equal(times.total.count, 7);
    assert.equal(times.downloading.count, 0);
    assert.ok(times.processing.quantile(0.99)! >= 0);
    assert.ok(before <= startedAt! && startedAt! < endedAt! && endedAt! <= performance.now());
    // It emits all of its records in the same turn of the event loop; the last is done with when it is stored.
    const source = task("list");
    assert.ok(before <= source.startedAt! && source.startedAt! < source.endedAt!);
  });

  it("includes its end, and the state of its queue while it is watched", async () => {
    let watched: readonly TaskProgress[] = [];
    const { task } = await run(20, (progress) => {
      watched = progress;
      assert.deepEqual(progress.map(({ isOver }) => isOver), [false, false, false, false]);
    });
    assert.deepEqual(watched.map(({ isOver }) => isOver), [true, true, true, true]);
    assert.deepEqual(task("work").queue, { pending: 0, ackPending: 0, acked: 5 });
    assert.equal(task("work").waiting, 0);
    assert.equal(task("list").waiting, undefined);
    assert.deepEqual(task("list").queue, {});
    assert.deepEqual((await run()).task("work").queue, {});
  });
});

describe("ErrorClasses", () => {
  it("counts a hundred classes by name and the rest together", () => {
    const classes = new ErrorClasses();
    for (let i = 0; i < 150; i++) classes.add(`E${i}`);
    classes.add("E0");
    assert.deepEqual(classes.entries().slice(0, 2), [["other classes", 50], ["E0", 2]]);
    assert.equal(classes.entries().length, 101);
  });
});
