import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { UnavailableError } from "../../../src/base/errors.ts";
import { AckError } from "../../../src/api/ack_error.ts";
import type { BulkContext } from "../../../src/api/context.ts";
import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { eventually } from "../../support/waiting.ts";
import { type FlowOptions, runFlow } from "../../support/in_process/flow.ts";

interface Numbered {
  n: number;
}

function numbers(count: number): Numbered[] {
  return Array.from({ length: count }, (_, n) => ({ n }));
}

onBothBrokers("bulk mode", (given) => {
  function flow(options: Partial<FlowOptions> & { meta: string }) {
    const { meta, ...rest } = options;
    return runFlow({
      yaml: `
mode: batch
name: ${given.flowId()}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [write], schema: '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}'}
  - {id: write, type: raw, module: ./write.ts, meta: {retry.delay.ms: 1, ${meta}}}
`,
      broker: given.broker,
      ...rest,
    });
  }

  /** A sink that keeps its bulks. */
  function sink(flush?: (records: readonly Numbered[], ctx: BulkContext) => void | Promise<void>) {
    const bulks: number[][] = [];
    return {
      bulks,
      write: {
        process() {
          throw new Error("called for one record in bulk mode");
        },
        async flush(records: readonly Numbered[], ctx: BulkContext) {
          bulks.push(records.map(({ n }) => n));
          await flush?.(records, ctx);
        },
      },
    };
  }

  const all = (bulks: readonly (readonly number[])[]) => bulks.flat().toSorted((a, b) => a - b);

  it("writes as soon as the size is reached, and the rest at the end", async () => {
    const { bulks, write } = sink();
    const { task } = await flow({
      // Waiting for it would take longer than the test may.
      meta: "bulk.enabled: true, bulk.flush.timer: 600000, bulk.flush.size: 10",
      functions: { make: numbers(25), write },
    });
    assert.deepEqual(bulks.map((bulk) => bulk.length), [10, 10, 5]);
    assert.deepEqual(all(bulks), numbers(25).map(({ n }) => n));
    assert.equal(task("write").counts.acked, 25);
  });

  it("writes an incomplete bulk when its timer ends", async () => {
    const { bulks, write } = sink();
    await flow({
      meta: "bulk.enabled: true, bulk.flush.timer: 100, bulk.flush.size: 1000",
      functions: {
        async *make() {
          yield* numbers(3);
          await eventually(() => bulks.length === 1, "the timer writes");
          yield { n: 3 };
        },
        write,
      },
    });
    assert.deepEqual(bulks, [[0, 1, 2], [3]]);
  });

  it("acknowledges nothing before the bulk is written", async () => {
    const acked: number[] = [];
    let progress: readonly TaskProgress[] = [];
    const { write } = sink(() => void acked.push(progress[1]!.counts.acked));
    await flow({
      meta: "bulk.enabled: true, bulk.flush.timer: 50000, bulk.flush.size: 4",
      functions: { make: numbers(8), write },
      started: (tasks) => progress = tasks,
    });
    assert.equal(acked.length, 2);
    assert.equal(acked[0], 0);
    assert.ok(acked[1]! <= 4, `${acked[1]} are acknowledged before the second bulk is written`);
  });

  it("writes what it holds when the worker is stopped", async () => {
    const { bulks, write } = sink();
    const stop = new AbortController();
    const { task } = await flow({
      meta: "bulk.enabled: true, bulk.flush.timer: 50000, bulk.flush.size: 10",
      functions: {
        async *make(ctx: { signal: AbortSignal }) {
          yield* numbers(3);
          await new Promise<void>((resolve) =>
            ctx.signal.addEventListener("abort", () => resolve())
          );
        },
        write,
      },
      stop: stop.signal,
      started: (tasks) =>
        void eventually(() => tasks[1]!.counts.in === 3, "all three are taken").then(() =>
          stop.abort()
        ),
    });
    assert.deepEqual(bulks, [[0, 1, 2]]);
    assert.equal(task("write").counts.acked, 3);
  });

  it("fails only the records that flush() names", async () => {
    const { bulks, write } = sink((records, ctx) => {
      records.forEach(({ n }, index) => {
        if (n === 2) ctx.fail(index, new AckError("refused for good"));
        if (n === 5 && ctx.of(index).delivery.attempt === 1) {
          ctx.fail(index, new Error("refused for now"));
        }
      });
    });
    const { task } = await flow({
      meta: "bulk.enabled: true, bulk.flush.timer: 50000, bulk.flush.size: 8",
      functions: { make: numbers(8), write },
    });
    assert.deepEqual(bulks, [[0, 1, 2, 3, 4, 5, 6, 7], [5]]);
    const { acked, errors, nacked } = task("write").counts;
    assert.deepEqual({ acked, errors, nacked }, { acked: 8, errors: 2, nacked: 1 });
  });

  it("fails all records of a bulk whose flush() throws, and retries each", async () => {
    let calls = 0;
    const { bulks, write } = sink(() => {
      if (++calls === 1) throw new Error("the other side is broken");
    });
    const { task } = await flow({
      meta: "bulk.enabled: true, bulk.flush.timer: 50, bulk.flush.size: 4",
      functions: { make: numbers(4), write },
    });
    assert.deepEqual(bulks[0], [0, 1, 2, 3]);
    assert.deepEqual(all(bulks.slice(1)), [0, 1, 2, 3]);
    const { acked, errors, redelivered } = task("write").counts;
    assert.deepEqual({ acked, errors, redelivered }, { acked: 4, errors: 4, redelivered: 4 });
  });

  it("keeps a bulk while its target is unreachable, and counts no attempt", async () => {
    let asked = 0;
    const attempts: number[] = [];
    const { bulks, write } = sink((_records, ctx) => {
      attempts.push(ctx.of(0).delivery.attempt);
      if (attempts.length > 1) return;
      throw new UnavailableError("Connection refused", {
        who: "The index",
        check: () => ++asked === 1 ? Promise.reject(new Error("away")) : Promise.resolve(),
      });
    });
    const { task, logged } = await flow({
      meta: "bulk.enabled: true, bulk.flush.timer: 50000, bulk.flush.size: 3, max.attempts: 1",
      functions: { make: numbers(3), write },
    });
    assert.deepEqual(bulks, [[0, 1, 2], [0, 1, 2]]);
    assert.deepEqual(attempts, [1, 1]);
    assert.equal(task("write").counts.errors, 0);
    assert.ok(logged.some(({ message }) => String(message).startsWith("The index is away")));
  });

  it("fills the next bulk while one is written", async () => {
    const gate = Promise.withResolvers<void>();
    let progress: readonly TaskProgress[] = [];
    const { bulks, write } = sink(async () => {
      if (bulks.length > 1) return;
      await eventually(() => progress[1]!.counts.in === 8, "the next bulk is there");
      gate.resolve();
    });
    await flow({
      meta: "bulk.enabled: true, bulk.flush.timer: 50000, bulk.flush.size: 4, max.in.flight: 1",
      functions: { make: numbers(20), write },
      started: (tasks) => progress = tasks,
    });
    await gate.promise;
    assert.deepEqual(all(bulks), numbers(20).map(({ n }) => n));
  });

  it("is off with a warning for a function without flush", async () => {
    const seen: number[] = [];
    const { logged } = await flow({
      meta: "bulk.enabled: true, bulk.flush.timer: 50, bulk.flush.size: 4",
      functions: { make: numbers(3), write: ({ n }: Numbered) => void seen.push(n) },
    });
    assert.deepEqual(seen, [0, 1, 2]);
    const warning = logged.find(({ message }) => message === "Bulk mode is not activated");
    assert.equal(warning?.reason, "the function has no method flush(records, ctx)");
  });

  for (const meta of ["bulk.flush.timer: 0, bulk.flush.size: 4", "bulk.flush.size: 4"]) {
    it(`is off with ${meta}`, async () => {
      const seen: number[] = [];
      await flow({
        meta: `bulk.enabled: true, ${meta}`,
        functions: {
          make: numbers(2),
          write: {
            process: ({ n }: Numbered) => void seen.push(n),
            flush() {
              throw new Error("called although bulk mode is off");
            },
          },
        },
      });
      assert.deepEqual(seen, [0, 1]);
    });
  }

  it("is overridden by manual acknowledgement", async () => {
    const seen: number[] = [];
    const { logged } = await flow({
      meta: "ack.manual: true, bulk.enabled: true, bulk.flush.timer: 50, bulk.flush.size: 4",
      functions: {
        make: numbers(2),
        write: {
          process({ n }: Numbered, ctx: { requestAck(): void }) {
            seen.push(n);
            ctx.requestAck();
          },
          flush() {
            throw new Error("called although acknowledgement is manual");
          },
        },
      },
    });
    assert.deepEqual(seen, [0, 1]);
    const warning = logged.find(({ message }) => message === "Bulk mode is not activated");
    assert.equal(warning?.reason, "the function acknowledges by itself");
  });
});
