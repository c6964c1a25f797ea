import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AckError } from "../../../src/api/ack_error.ts";
import type { CloseContext, Context } from "../../../src/api/context.ts";
import { MemoryFiles } from "../../../src/files/memory.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { eventually } from "../../support/waiting.ts";
import { type FlowOptions, runFlow } from "../../support/in_process/flow.ts";

interface Numbered {
  originalnumber: number;
}

/** The product document's `ExampleProcessFunction`: it asks with every fifth input. */
class Increment {
  readonly asked: number[] = [];
  #count = 0;

  process({ originalnumber }: Numbered, ctx: Context) {
    if (++this.#count === 5) {
      this.#count = 0;
      this.asked.push(originalnumber);
      ctx.requestAck();
    }
    return { mynumber: originalnumber + 1 };
  }
}

function numbers(count: number): Numbered[] {
  return Array.from({ length: count }, (_, originalnumber) => ({ originalnumber }));
}

onBothBrokers("manual acknowledgement", (given) => {
  function flow(options: Partial<FlowOptions> & { meta?: string; parallelism?: number }) {
    const { meta = "", parallelism = 1, ...rest } = options;
    return runFlow({
      yaml: `
mode: batch
name: ${given.flowId()}
globalConfig: {store: {addr: "memory:"}}
dag:
  - id: make
    type: raw-source
    module: ./make.ts
    out: [work]
    schema: '{"type":"record","name":"n","fields":[{"name":"originalnumber","type":"int"}]}'
  - id: work
    type: raw
    module: ./work.ts
    parallelism: ${parallelism}
    meta: {ack.manual: true, max.poll.interval.ms: 1000${meta}}
    out: [show]
    schema: '{"type":"record","name":"m","fields":[{"name":"mynumber","type":"int"}]}'
  - {id: show, type: raw, module: ./show.ts}
`,
      broker: given.broker,
      ...rest,
    });
  }

  /** A sink that collects. */
  function collector() {
    const seen: number[] = [];
    return { seen, show: ({ mynumber }: { mynumber: number }) => void seen.push(mynumber) };
  }

  it("publishes nothing before requestAck(), and everything held after it", async () => {
    const { seen, show } = collector();
    const before: number[] = [];
    const work = new Increment();
    const process = (record: Numbered, ctx: Context) => {
      before.push(seen.length);
      return work.process(record, ctx);
    };
    const gate = Promise.withResolvers<void>();
    async function* make() {
      yield* numbers(5);
      await gate.promise;
      yield* numbers(10).slice(5);
    }
    const running = flow({ functions: { make, work: process, show } });
    await eventually(() => seen.length === 5, "five come out");
    gate.resolve();
    const { task } = await running;
    assert.deepEqual(before.slice(0, 6), [0, 0, 0, 0, 0, 5]);
    assert.deepEqual(seen.toSorted((a, b) => a - b), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.deepEqual(work.asked, [4, 9]);
    assert.equal(task("work").counts.acked, 10);
  });

  it("publishes the rest in close() if requestAck() is called there", async () => {
    const { seen, show } = collector();
    const work = new Increment();
    const closes: number[] = [];
    const { task } = await flow({
      functions: {
        make: numbers(7),
        work: {
          process: (record: Numbered, ctx: Context) => work.process(record, ctx),
          async close(ctx: CloseContext) {
            // Stored before: the task behind may still be taking them.
            await eventually(() => seen.length >= 5, "five come out");
            closes.push(seen.length);
            ctx.requestAck();
          },
        },
        show,
      },
    });
    assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual(closes, [5]);
    assert.equal(task("work").counts.redelivered, 0);
  });

  it("fails the run that ends with inputs held, and says how many", async () => {
    const { seen, show } = collector();
    const work = new Increment();
    await assert.rejects(
      flow({ functions: { make: numbers(7), work, show } }),
      /Task "work" still held 2 inputs without requestAck\(\) when its input ended; they were handed back/,
    );
    assert.ok(seen.length <= 5);
  });

  it("lets two workers that hold inputs end without waiting for each other", async () => {
    const { seen, show } = collector();
    let calls = 0;
    const { task } = await flow({
      parallelism: 2,
      functions: {
        make: numbers(9),
        work: class {
          async process({ originalnumber }: Numbered) {
            calls++;
            await new Promise((resolve) => setTimeout(resolve, 1));
            return { mynumber: originalnumber + 1 };
          }
          close(ctx: CloseContext) {
            ctx.requestAck();
          }
        },
        show,
      },
    });
    assert.deepEqual(seen.toSorted((a, b) => a - b), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(calls, 9);
    assert.equal(task("work").counts.acked, 9);
  });

  it("acknowledges no input before the outputs of all are stored", async () => {
    const { seen, show } = collector();
    let sum = 0;
    let count = 0;
    const { task } = await flow({
      functions: {
        make: numbers(8),
        work({ originalnumber }: Numbered, ctx: Context) {
          sum += originalnumber;
          if (++count % 4 !== 0) return;
          ctx.requestAck();
          return { mynumber: sum };
        },
        show,
      },
    });
    assert.deepEqual(seen, [6, 28]);
    assert.equal(task("work").counts.acked, 8);
  });

  it("prevents the redelivery of what is held for longer than the ack wait", async () => {
    const { seen, show } = collector();
    const attempts: number[] = [];
    const { task } = await flow({
      functions: {
        async *make() {
          yield* numbers(3);
          await new Promise((resolve) => setTimeout(resolve, 2500));
          yield { originalnumber: 3 };
        },
        work({ originalnumber }: Numbered, ctx: Context) {
          attempts.push(ctx.delivery.attempt);
          if (originalnumber === 3) ctx.requestAck();
          return { mynumber: originalnumber };
        },
        show,
      },
    });
    assert.deepEqual(attempts, [1, 1, 1, 1]);
    assert.deepEqual(seen, [0, 1, 2, 3]);
    assert.equal(task("work").counts.redelivered, 0);
  });

  it(
    "ignores requestAck() of a call that fails, and settles that input alone",
    async () => {
      const { seen, show } = collector();
      const asked: number[] = [];
      const { task } = await flow({
        functions: {
          make: numbers(4),
          work({ originalnumber }: Numbered, ctx: Context) {
            asked.push(originalnumber);
            ctx.requestAck();
            if (originalnumber === 1) throw new AckError("not this one");
            return { mynumber: originalnumber };
          },
          show,
        },
      });
      assert.deepEqual(seen, [0, 2, 3]);
      assert.equal(task("work").counts.errors, 1);
      assert.equal(task("work").counts.acked, 4);
    },
  );

  it("logs both numbers when max.in.flight is reached without requestAck()", async () => {
    await assert.rejects(
      flow({
        meta: ", max.in.flight: 4",
        functions: {
          make: numbers(6),
          work: ({ originalnumber }: Numbered) => ({ mynumber: originalnumber }),
          show: () => {},
        },
      }),
      /Task "work" holds 4 inputs without requestAck\(\), and max\.in\.flight is 4: call requestAck\(\) sooner, or raise meta\.max\.in\.flight/,
    );
  });

  it("nacks the held inputs when the worker is stopped", async () => {
    const { seen, show } = collector();
    const stop = new AbortController();
    const first = flow({
      functions: {
        async *make(ctx: { signal: AbortSignal }) {
          yield* numbers(3);
          await new Promise<void>((resolve) =>
            ctx.signal.addEventListener("abort", () => resolve())
          );
        },
        work: ({ originalnumber }: Numbered) => ({ mynumber: originalnumber }),
        show,
      },
      stop: stop.signal,
      started: (all) =>
        void eventually(() => all[1]!.counts.in === 3, "all three are taken").then(() =>
          stop.abort()
        ),
    });
    const { task, logged } = await first;
    assert.deepEqual(seen, []);
    assert.equal(task("work").counts.nacked, 3);
    assert.ok(
      logged.some(({ message }) =>
        message === "Handed back 3 inputs that were held without requestAck()"
      ),
    );
  });
});

onBothBrokers("files under manual acknowledgement", (given) => {
  it("are kept after the acknowledgement until flush() removes them", async () => {
    const files = new MemoryFiles();
    const store = new MemoryStore({ buckets: ["docs"] });
    for (const key of ["a", "b", "c"]) await store.put("docs", key, new Uint8Array(3));
    const paths: string[] = [];
    let atClose: number | undefined;
    await runFlow({
      yaml: `
mode: batch
name: ${given.flowId()}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: list, type: fs-source, format: list, topics: "s3a://docs", out: [work]}
  - id: work
    type: raw
    module: ./x.ts
    meta: {ack.manual: true}
    globalConfig: {store: {autoDownload: true}}
`,
      broker: given.broker,
      store,
      files,
      functions: {
        work: {
          async process(_record: unknown, ctx: Context) {
            paths.push(ctx.localPath!);
            ctx.requestAck();
            if (paths.length === 2) await ctx.flush(paths[1]!);
            await assert.rejects(ctx.flush("/tmp/other"), /Cannot flush "\/tmp\/other"/);
          },
          async close(ctx: CloseContext) {
            await eventually(
              async () => (await files.list("")).length === 2,
              "the flushed file is gone",
            );
            atClose = (await files.list("")).length;
            await ctx.flush(paths[0]!);
          },
        },
      },
    });
    assert.equal(atClose, 2);
    assert.equal((await files.list("")).length, 1);
  });
});
