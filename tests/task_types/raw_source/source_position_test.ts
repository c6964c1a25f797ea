import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { GeneratorContext, SourceModule } from "../../../mod.ts";
import type { Broker } from "../../../src/broker/broker.ts";
import { createMemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const N = '{"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}';
const pipeline = (mode: string, meta = "{}") => `
mode: ${mode}
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: gen, type: raw-source, module: ./x.ts, schema: '${N}', meta: ${meta}, out: [work]}
  - {id: work, type: raw, module: ./x.ts}
`;
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

describe("the position of a raw-source, where the broker outlives the process", () => {
  let memory: Broker;
  /** The embedded broker, which here lives as long as the test. */
  let broker: Broker;
  let seen: number[];

  beforeEach(() => {
    memory = createMemoryBroker();
    broker = new Proxy(memory, {
      get(target, name) {
        if (name === "durable") return true;
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    seen = [];
  });
  afterEach(() => memory.close());

  /** Runs until `stopAt` records were made, or to the end; then everything that was sent is worked off. */
  async function pass(
    module: (made: (n: number) => void) => SourceModule,
    options: { stopAt?: number; run?: string; mode?: string; meta?: string } = {},
  ) {
    const stop = new AbortController();
    const { mode = "batch" } = options;
    const result = await runFlow({
      yaml: pipeline(mode, options.meta),
      broker,
      run: options.run,
      only: ["gen"],
      stop: stop.signal,
      functions: { gen: module((n) => n === options.stopAt && stop.abort()) },
    });
    return result;
  }

  async function workOff() {
    await runFlow({
      yaml: pipeline("batch"),
      broker,
      run: "work",
      functions: { gen: [], work: ({ n }: { n: number }) => void seen.push(n) },
    });
  }

  const ignorant = (made: (n: number) => void) =>
    function* () {
      for (let n = 0; n < 100; n++) {
        made(n);
        yield { n };
      }
    };

  it("lets a generator go on where it was, in the same run, by skipping", async () => {
    const first = await pass(ignorant, { stopAt: 40 });
    assert.equal(first.report.finished, false);
    const sent = first.task("gen").counts.out;
    assert.ok(sent >= 39 && sent <= 41, `${sent}`);
    const second = await pass(ignorant);
    assert.equal(second.report.finished, true);
    assert.equal(second.task("gen").counts.out, 100 - sent);
    assert.equal(second.task("gen").counts.duplicates, 0);
    await workOff();
    assert.deepEqual(seen, numbers(100));
  });

  it("is told to a generator that asks, and nothing is skipped then", async () => {
    const begun: number[] = [];
    const knowing = (made: (n: number) => void) =>
      function* (ctx: GeneratorContext) {
        begun.push(ctx.position);
        for (let n = ctx.position; n < 100; n++) {
          made(n);
          yield { n };
        }
      };
    const sent = (await pass(knowing, { stopAt: 40 })).task("gen").counts.out;
    await pass(knowing);
    assert.deepEqual(begun, [0, sent]);
    await workOff();
    assert.deepEqual(seen, numbers(100));
  });

  it("is that of every call of next()", async () => {
    const next = (made: (n: number) => void) => ({
      next({ position }: GeneratorContext) {
        made(position);
        return position < 100 ? { n: position } : undefined;
      },
    });
    await pass(next, { stopAt: 40 });
    await pass(next);
    await workOff();
    assert.deepEqual(seen, numbers(100));
  });

  it("counts for meta.limit over all starts of a run", async () => {
    const endless = (made: (n: number) => void) =>
      function* () {
        for (let n = 0;; n++) {
          made(n);
          yield { n };
        }
      };
    await pass(endless, { stopAt: 20, meta: "{limit: 50}" });
    await pass(endless, { meta: "{limit: 50}" });
    await workOff();
    assert.deepEqual(seen, numbers(50));
  });

  it("goes on in streaming mode whatever the run", async () => {
    await pass(ignorant, { stopAt: 40, mode: "streaming", run: "a" });
    await pass(ignorant, { mode: "streaming", run: "b" });
    await workOff();
    assert.deepEqual(seen, numbers(100));
  });

  it("begins at 0 in another run, with other message ids", async () => {
    await pass(ignorant, { run: "a" });
    const { task } = await pass(ignorant, { run: "b" });
    assert.deepEqual([task("gen").counts.out, task("gen").counts.duplicates], [100, 0]);
  });

  it("that was not saved is made up for by the message ids", async () => {
    await pass(ignorant, { stopAt: 40 });
    await memory.state.delete("checkpoint.test.gen.run-1");
    const { task } = await pass(ignorant);
    assert.equal(task("gen").counts.out, 100);
    assert.ok(task("gen").counts.duplicates >= 39);
    await workOff();
    assert.deepEqual(seen, numbers(100));
  });

  it("is forgotten when the run is finished", async () => {
    await pass(ignorant, { stopAt: 40 });
    assert.deepEqual(await memory.state.keys("checkpoint"), ["checkpoint.test.gen.run-1"]);
    await pass(ignorant);
    assert.deepEqual(await memory.state.keys("checkpoint"), []);
  });

  it("is saved while the source waits for its next record", async () => {
    const stop = new AbortController();
    const saved = Promise.withResolvers<void>();
    memory.state.watch("checkpoint", () => saved.resolve(), stop.signal);
    const run = runFlow({
      yaml: pipeline("streaming"),
      broker,
      only: ["gen"],
      stop: stop.signal,
      functions: {
        gen: async function* () {
          yield { n: 0 };
          yield { n: 1 };
          await new Promise(() => {});
        },
      },
    });
    await saved.promise;
    assert.equal((await memory.state.get("checkpoint.test.gen.streaming"))?.value, "2");
    stop.abort();
    await run;
  });

  it("that is no number is refused with the key to delete", async () => {
    await memory.state.put("checkpoint.test.gen.run-1", "?");
    await assert.rejects(pass(ignorant), /delete the key "checkpoint\.test\.gen\.run-1"/);
  });
});
