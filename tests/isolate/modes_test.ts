import { after, before, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Host } from "../../src/host.ts";
import { MemoryFiles } from "../../src/files/memory.ts";
import type { TaskProgress } from "../../src/runtime/progress/task_progress.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { onBothBrokers } from "../support/in_process/both_brokers.ts";
import { eventually } from "../support/waiting.ts";
import { FlowFolder } from "../support/commands/flow_folder.ts";
import { type FlowOptions, type FlowResult, runFlow } from "../support/in_process/flow.ts";
import { ownHost } from "../support/in_process/own_host.ts";

const RECORD =
  '{"type":"record","name":"n","fields":[{"name":"n","type":"int"},{"name":"bucket","type":"string"},{"name":"key","type":"string"}]}';

const MANUAL = `
export default class {
  #count = 0;
  #path;
  process({ n }, ctx) {
    this.#path = ctx.localPath;
    ctx.log.info("called", { n, path: ctx.localPath });
    if (++this.#count % 5 === 0) ctx.requestAck();
    return { n: n * 10, bucket: "", key: "" };
  }
  async close(ctx) {
    ctx.requestAck();
    await ctx.flush(this.#path);
    await ctx.flush("/etc/passwd").catch((error) => ctx.log.info("refused", { name: error.name }));
  }
}
`;

/** Says by itself how it is acknowledged. */
const RUNTIME = `
import { BasicRuntime } from "kflow";
let count = 0;
export default new BasicRuntime({ manualAck: true }).addProcessFunction({
  process(record, ctx) {
    if (++count % 2 === 0) ctx.requestAck();
    return record;
  },
});
`;

/** Asks after its call has returned. */
const LATE = `
export default {
  async process(record, ctx) {
    if (record.n === 0) setTimeout(() => ctx.requestAck(), 20);
    else await new Promise((resolve) => setTimeout(resolve, 300));
    ctx.log.info("waited", { n: record.n });
    return record;
  },
  close: (ctx) => ctx.requestAck(),
};
`;

const BULK = `
import { AckError } from "kflow";
export default {
  process() { throw new Error("not in bulk mode"); },
  async flush(records, ctx) {
    ctx.log.info("bulk", { size: records.length });
    for (let i = 0; i < records.length; i++) {
      const { n } = records[i];
      const { delivery } = ctx.of(i);
      if (n === 3) ctx.fail(i, new AckError("not this one"));
      else if (n === 5 && delivery.attempt === 1) ctx.fail(i, new RangeError("later"));
      else ctx.log.info("wrote", { n, json: ctx.of(i).recordAsJson().n, attempt: delivery.attempt });
    }
    try { ctx.fail(records.length, new Error("beyond")); } catch (error) { ctx.log.info("beyond", { name: error.name, text: error.message }); }
    if (records.some(({ n }) => n === 9) && ctx.of(0).delivery.attempt === 1) for (;;);
  },
};
`;

/** Says how many calls are in the Worker, and which Worker it is. */
const OVERLAP = `
const worker = Math.random();
let now = 0;
export default async (record, ctx) => {
  ctx.log.info("now", { now: ++now, worker });
  await new Promise((resolve) => setTimeout(resolve, 15));
  now--;
};
`;

/** Waits for the end of the grace. */
const SIGNALS = `
export default class {
  open({ signal, log }) { signal.addEventListener("abort", () => log.info("told to stop")); }
  async process(record, { signal, log }) {
    log.info("called");
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    log.info("the grace is over");
  }
}
`;

onBothBrokers("a Worker", (given) => {
  let folder: FlowFolder;
  let host: Pick<Host, "loadModule" | "startThread">;
  let running = 0;

  before(async () => {
    const own = await ownHost();
    host = {
      ...own,
      startThread(events) {
        running++;
        const thread = own.startThread(events);
        let isOver = false;
        return {
          post: (message, transfer) => thread.post(message, transfer),
          terminate() {
            if (!isOver) running--;
            isOver = true;
            thread.terminate();
          },
        };
      },
    };
    folder = await FlowFolder.make();
  });
  after(() => folder.remove());

  async function run(
    code: string,
    options: Partial<FlowOptions> & { meta: string; count: number; sink?: boolean; more?: string },
  ): Promise<FlowResult> {
    const { meta, count, sink = true, more = "", ...rest } = options;
    const module = await folder.write(`${crypto.randomUUID()}.ts`, code);
    const store = new MemoryStore({ buckets: ["docs"] });
    await store.put("docs", "a.txt", new Uint8Array(5));
    return await runFlow({
      yaml: `
mode: batch
name: ${given.flowId()}
globalConfig: {store: {addr: "memory:", buckets: ["*"]}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [work], schema: '${RECORD}'}
  - id: work
    type: raw
    module: ${module}
    meta: {isolate: true, retry.delay.ms: 1, ${meta}}
${more}${sink ? "" : `    out: [show]\n    schema: '${RECORD}'\n  - {id: show, type: print}\n`}
`,
      broker: given.broker,
      host,
      store,
      functions: {
        make: Array.from({ length: count }, (_, n) => ({ n, bucket: "docs", key: "a.txt" })),
      },
      ...rest,
    });
  }

  const lines = ({ logged }: FlowResult, message: string) =>
    logged.filter((line) => line.message === message);

  it(
    "holds outputs until requestAck(), gives files back with flush(), and asks once more in close()",
    async () => {
      const files = new MemoryFiles();
      const result = await run(MANUAL, {
        meta: "ack.manual: true",
        count: 12,
        sink: false,
        more: "    globalConfig: {store: {autoDownload: true}}\n",
        files,
      });
      assert.deepEqual(result.printed.map((line) => (line as { n: number }).n), [
        ...Array.from({ length: 12 }, (_, n) => n * 10),
      ]);
      const { counts } = result.task("work");
      assert.deepEqual([counts.in, counts.out, counts.acked, counts.errors], [12, 12, 12, 0]);
      assert.equal(lines(result, "called").length, 12);
      const paths = new Set(lines(result, "called").map(({ path }) => String(path)));
      assert.equal(paths.size, 12);
      assert.deepEqual(lines(result, "refused").map(({ name }) => name), ["RangeError"]);
      const left = (await files.list("")).filter(({ path }) => path !== "");
      assert.equal(left.length, 11, "the one given back is gone, and no other");
    },
  );

  it("acknowledges by itself where its module has a BasicRuntime that says so", async () => {
    await assert.rejects(
      run(RUNTIME, { meta: "max.attempts: 2", count: 3, sink: false }),
      /still held 1 input without requestAck\(\)/,
    );
    const { task, printed } = await run(RUNTIME, {
      meta: "max.attempts: 2",
      count: 4,
      sink: false,
    });
    assert.equal(printed.length, 4);
    assert.equal(task("work").counts.acked, 4);
  });

  it("may ask for the acknowledgement after its call has returned", async () => {
    let progress: readonly TaskProgress[] = [];
    let acked: number | undefined;
    const result = await run(LATE, {
      meta: "ack.manual: true",
      count: 2,
      sink: false,
      started: (all) => void (progress = all),
      told: ({ message, n }) => {
        if (message !== "waited" || n !== 1) return;
        acked = progress.find(({ task }) => task === "work")!.counts.acked;
      },
    });
    assert.equal(acked, 1, "the first is acknowledged while the second is still called");
    assert.equal(result.printed.length, 2);
  });

  it(
    "writes bulks, fails single records of them, and is ended when a bulk takes too long",
    async () => {
      const result = await run(BULK, {
        meta:
          "max.attempts: 4, max.processing.ms: 800, bulk.enabled: true, bulk.flush.size: 4, bulk.flush.timer: 200",
        count: 12,
      });
      const { counts } = result.task("work");
      assert.equal(counts.dead, 0);
      const wrote = lines(result, "wrote").map(({ n }) => Number(n));
      assert.deepEqual([...new Set(wrote)].sort((one, other) => one - other), [
        0,
        1,
        2,
        4,
        5,
        6,
        7,
        8,
        9,
        10,
        11,
      ]);
      assert.ok(lines(result, "wrote").every(({ n, json }) => n === json));
      assert.equal(lines(result, "wrote").find(({ n }) => n === 5)!.attempt, 2);
      assert.deepEqual(lines(result, "Record given up by the function").length, 1);
      assert.equal(lines(result, "bulk")[0]!.size, 4);
      assert.equal(
        lines(result, "The Worker has ended; another is started for the next record").length,
        1,
      );
      assert.match(
        String(lines(result, "beyond")[0]!.text),
        /^Cannot find record 4 of a bulk of 4: /,
      );
    },
  );

  it(
    "has as many calls in it at once as meta.concurrency says, and each worker of the task has its own",
    async () => {
      const workers = new Set<unknown>();
      let made = 0;
      const result = await run(OVERLAP, {
        meta: "concurrency: 3, max.in.flight: 3",
        count: 0,
        more: "    parallelism: 2\n",
        told: ({ message, worker }) => void (message === "now" && workers.add(worker)),
        functions: {
          // Until each of them has been called: one may be open long before the other.
          async *make() {
            for (const end = Date.now() + 20_000; workers.size < 2 || made < 40; made++) {
              if (Date.now() > end) throw new Error(`${workers.size} Workers are called`);
              yield { n: made, bucket: "docs", key: "a.txt" };
              if (made >= 40) await new Promise((resolve) => setTimeout(resolve, 1));
            }
          },
        },
      });
      const most = Math.max(...lines(result, "now").map(({ now }) => Number(now)));
      assert.equal(most, 3);
      assert.equal(workers.size, 2);
      assert.equal(result.task("work").counts.acked, made);
    },
  );

  it("is told to stop and that the grace is over, and none is left", async () => {
    const stop = new AbortController();
    const kill = new AbortController();
    const seen: string[] = [];
    const ended = run(SIGNALS, {
      meta: "x: 1",
      count: 1,
      stop: stop.signal,
      kill: kill.signal,
      told: (line) => void seen.push(String(line.message)),
    });
    await eventually(() => seen.includes("called"), "call");
    stop.abort();
    await eventually(() => seen.includes("told to stop"), "stop");
    kill.abort(new Error("over"));
    const result = await ended;
    assert.ok(seen.includes("the grace is over"));
    assert.equal(result.task("work").counts.acked, 1);
    assert.equal(running, 0, "Workers that were started and not ended, by all tests so far");
  });
});
