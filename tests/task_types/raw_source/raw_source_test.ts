import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createMemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import type { Clock } from "../../../src/task_types/pacer.ts";
import type { GeneratorContext, SourceModule } from "../../../mod.ts";
import { toRecordFeed } from "../../../src/api/record_source.ts";
import { type FlowOptions, runFlow } from "../../support/in_process/flow.ts";

const N = '{"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}';

interface Numbered {
  n: number;
}

function pipeline(options: { mode?: string; meta?: string; more?: string } = {}): string {
  const { mode = "batch", meta = "{}", more = "" } = options;
  return `
mode: ${mode}
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: gen, type: raw-source, module: ./x.ts, schema: '${N}', meta: ${meta}, ${more} out: [work]}
  - {id: work, type: raw, module: ./x.ts}
`;
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => ({ n }));
const numbers = (count: number) => upTo(count).map(({ n }) => n);

function stream(records: Numbered[]): AsyncIterable<Numbered> {
  return new ReadableStream<Numbered>({
    start(controller) {
      for (const record of records) controller.enqueue(record);
      controller.close();
    },
  });
}

/** What arrives behind a module. */
async function arrives(
  module: SourceModule,
  options: Partial<FlowOptions> & { meta?: string } = {},
) {
  const seen: number[] = [];
  const result = await runFlow({
    yaml: pipeline(options),
    functions: { gen: module, work: ({ n }: Numbered) => void seen.push(n) },
    ...options,
  });
  return { seen, ...result };
}

/** Time that passes only while somebody sleeps. */
function fastClock(): Clock & { time: number } {
  const clock = {
    time: 0,
    now: () => clock.time,
    sleep(milliseconds: number) {
      clock.time += Math.ceil(milliseconds);
      return new Promise<void>((resolve) => setTimeout(resolve, 0));
    },
  };
  return clock;
}

describe("raw-source takes", () => {
  let asked = 0;
  const forms: [string, () => SourceModule][] = [
    ["an array", () => upTo(5)],
    ["an iterable", () => new Set(upTo(5))],
    ["a stream", () => stream(upTo(5))],
    ["a generator that was called", () => upTo(5).values()],
    ["a function returning an array", () => () => upTo(5)],
    ["a function returning a promise of an array", () => () => Promise.resolve(upTo(5))],
    ["a generator function", () =>
      function* () {
        yield* upTo(5);
      }],
    ["an async generator function", () =>
      async function* () {
        for (const record of upTo(5)) yield await Promise.resolve(record);
      }],
    ["a function called again and again", () => {
      asked = 0;
      return () => asked < 5 ? { n: asked++ } : undefined;
    }],
    ["a function called again and again that ends with null", () => {
      asked = 0;
      return () => Promise.resolve(asked < 5 ? { n: asked++ } : null);
    }],
    [
      "a function of the position",
      () => ({ position }) => position < 5 ? { n: position } : undefined,
    ],
    ["a class with generate()", () =>
      class {
        #count = 0;
        open() {
          this.#count = 5;
        }
        *generate() {
          yield* upTo(this.#count);
        }
      }],
    ["a class with next() that gives one, several, none for now and no more", () =>
      class {
        #answers = [{ n: 0 }, [{ n: 1 }, { n: 2 }, { n: 3 }], [], { n: 4 }, undefined];
        next() {
          return this.#answers.shift();
        }
      }],
    ["an object with an async next()", () => {
      asked = 0;
      return { next: () => Promise.resolve(asked < 5 ? [{ n: asked++ }] : undefined) };
    }],
  ];
  for (const [name, make] of forms) {
    it(name, async () => {
      const { seen, report, task } = await arrives(make(), { clock: fastClock() });
      assert.deepEqual(seen, numbers(5));
      assert.equal(task("gen").counts.out, 5);
      assert.equal(report.finished, true);
    });
  }

  const wrong: [string, unknown, RegExp][] = [
    ["nothing", undefined, /it has no default export; export records, a function/],
    ["a number", 5, /its default export is a number/],
    ["a promise", Promise.resolve([]), /its default export is a promise/],
    ["a class with neither", class {}, /neither generate\(\) nor next\(\)/],
    ["an object with both", { generate() {}, next() {} }, /both generate\(\) and next\(\)/],
  ];
  for (const [name, exported, message] of wrong) {
    it(`not ${name}, and says so`, () => {
      assert.throws(() => toRecordFeed(exported), message);
    });
  }
});

describe("raw-source", () => {
  it("gives the module its surroundings, opens it once and closes it at the end", async () => {
    const calls: string[] = [];
    class Source {
      open(ctx: { task: string; schemaOut: unknown }) {
        calls.push(`open ${ctx.task} ${Reflect.get(ctx.schemaOut as object, "name")}`);
      }
      *generate(ctx: GeneratorContext) {
        calls.push(`${ctx.flow} ${ctx.task} ${ctx.run} ${ctx.batch} ${ctx.position}`);
        yield { ...ctx.newRecord(), n: ctx.meta.getInteger("mine") };
      }
      close() {
        calls.push("close");
      }
    }
    const { seen } = await arrives(Source, { meta: "{mine: 7}" });
    assert.deepEqual(seen, [7]);
    assert.deepEqual(calls, ["open gen n", "test gen run-1 true 0", "close"]);
  });

  it("ends at meta.limit, and lets the generator clean up", async () => {
    let isClean = false;
    const { seen, report } = await arrives(function* () {
      try {
        for (let n = 0;; n++) yield { n };
      } finally {
        isClean = true;
      }
    }, { meta: "{limit: 1000}" });
    assert.deepEqual(seen, numbers(1000));
    assert.equal(isClean, true);
    assert.equal(report.finished, true);
  });

  it("keeps meta.rate", async () => {
    const clock = fastClock();
    const { seen } = await arrives(upTo(501), { meta: "{rate: 1000}", clock });
    assert.equal(seen.length, 501);
    assert.ok(clock.time >= 500 && clock.time < 505, `${clock.time} ms`);
  });

  it("ends with an error that names field and position", async () => {
    const run = arrives([{ n: 0 }, { n: 1 }, { n: "two" }, { n: 3 }] as never);
    await assert.rejects(run, (error: Error) => {
      assert.equal(error.name, "SourceError");
      assert.match(
        error.message,
        /^Cannot send the record at position 2 of task "gen": .*: n: expected int, got "two"; correct the module or the schema$/,
      );
      return true;
    });
  });

  it("goes on after an error of the module: next() is asked again, and nothing is skipped or doubled", async () => {
    let n = 0;
    const { seen, task } = await arrives({
      next() {
        if (n === 3 && task0.failures++ === 0) throw new Error("away for a moment");
        return n < 6 ? { n: n++ } : undefined;
      },
    });
    assert.deepEqual(seen, numbers(6));
    assert.equal(task("gen").counts.errors, 1);
  });
  const task0 = { failures: 0 };

  it("goes on after an error of a generator: it begins anew and skips what was sent", async () => {
    let begun = 0;
    const { seen } = await arrives(function* () {
      begun++;
      for (let n = 0; n < 6; n++) {
        if (n === 4 && begun === 1) throw new Error("away for a moment");
        yield { n };
      }
    });
    assert.equal(begun, 2);
    assert.deepEqual(seen, numbers(6));
  });

  it("goes on after an error of a generator that asks where to begin", async () => {
    const begun: number[] = [];
    const { seen } = await arrives(function* (ctx: GeneratorContext) {
      begun.push(ctx.position);
      for (let n = ctx.position; n < 6; n++) {
        yield { n };
        if (n === 3 && begun.length === 1) throw new Error("away for a moment");
      }
    });
    assert.deepEqual(begun, [0, 4]);
    assert.deepEqual(seen, numbers(6));
  });

  it("does not take a generator that failed and cannot begin anew for one that has ended", async () => {
    const once = (function* () {
      yield { n: 0 };
      throw new Error("no luck");
    })();
    await assert.rejects(
      arrives(once),
      /^SourceError: Cannot get the record at position 1 of task "gen": no luck$/,
    );
  });

  it("gives up after max.attempts", async () => {
    await assert.rejects(
      arrives(() => {
        throw new Error("no luck");
      }, { meta: "{max.attempts: 2}" }),
      /position 0 of task "gen": no luck/,
    );
  });

  it("ends the run when open() fails", async () => {
    const source = { open: () => Promise.reject(new Error("no luck")), next: () => undefined };
    await assert.rejects(arrives(source), /Cannot open task "gen": no luck/);
  });

  it("waits while the queue of its consumer is full", async () => {
    const broker = createMemoryBroker();
    let made = 0;
    let most = 0;
    let done = 0;
    await runFlow({
      yaml: pipeline().replace(
        "id: work, type: raw,",
        "id: work, type: raw, meta: {stream.max.bytes: 65536, max.in.flight: 1},",
      ),
      broker,
      functions: {
        gen: function* () {
          for (let n = 0; n < 20_000; n++) {
            made++;
            yield { n };
          }
        },
        work: () => void (most = Math.max(most, made - done++)),
      },
    });
    await broker.close();
    assert.equal(done, 20_000);
    assert.ok(most < 12_000, `${most} ahead`);
  });

  it("goes on in streaming mode until it is stopped, also while it waits for a record", async () => {
    const stop = new AbortController();
    const { seen, report } = await arrives(async function* () {
      yield { n: 0 };
      setTimeout(() => stop.abort(), 10);
      await new Promise(() => {});
    }, { yaml: pipeline({ mode: "streaming" }), stop: stop.signal });
    assert.deepEqual(seen, [0]);
    assert.equal(report.finished, false);
  });

  it("that never waits can be stopped by a timer", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    const { report } = await arrives(function* () {
      for (let n = 0;; n++) yield { n: n % 1000 };
    }, { yaml: pipeline({ mode: "streaming" }), stop: stop.signal });
    assert.equal(report.finished, false);
  });

  it("puts the value of partitionBy into a header of each record, and null nowhere", async () => {
    const schema =
      '{"type": "record", "name": "p", "fields": [{"name": "p", "type": ["null", "string"]}]}';
    const dead: (string | undefined)[] = [];
    await runFlow({
      yaml: pipeline({ more: "partitionBy: p," }).replace(N, schema)
        .replace("id: work, type: raw,", "id: work, type: raw, meta: {max.attempts: 1},"),
      functions: {
        gen: [{ p: "a" }, { p: "a" }, { p: "100 %\né" }, { p: null }, {}],
        work: () => {
          throw new Error("to the dead letters");
        },
      },
      deadLetters: {
        place: "here",
        put: (delivery) => Promise.resolve(void dead.push(delivery.header("Kflow-Partition"))),
      },
    });
    assert.deepEqual(dead.map(String).sort(), [
      "100%20%25%0A%C3%A9",
      "a",
      "a",
      "undefined",
      "undefined",
    ]);
  });
});
