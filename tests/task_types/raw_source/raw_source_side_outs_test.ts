import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { GeneratorContext, SourceModule } from "../../../mod.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { eventually } from "../../support/waiting.ts";
import { type FlowOptions, runFlow } from "../../support/in_process/flow.ts";

const N = '{"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}';
const NOTE =
  '{"type": "record", "name": "note", "fields": [{"name": "text", "type": "string"}, {"name": "level", "type": "string", "default": "info"}]}';

interface Note {
  text: string;
  level: string;
}

onBothBrokers("side outs of a raw-source", (given) => {
  async function run(
    gen: SourceModule,
    options: Partial<FlowOptions> & { flow?: string; notes?: string; meta?: string } = {},
  ) {
    const { flow = given.flowId(), notes = "", meta = "{}", functions, ...rest } = options;
    const seen: number[] = [];
    const noted: Note[] = [];
    const result = await runFlow({
      yaml: `
mode: batch
name: ${flow}
globalConfig: {store: {addr: "memory:"}}
dag:
  - id: gen
    type: raw-source
    module: ./x.ts
    schema: '${N}'
    meta: ${meta}
    sideOuts: [{id: notes, schema: '${NOTE}', out: [keep]}]
    out: [work]
  - {id: work, type: raw, module: ./x.ts}
  - {id: keep, type: raw, module: ./x.ts, ${notes}}
`,
      broker: given.broker,
      functions: {
        gen,
        work: ({ n }: { n: number }) => void seen.push(n),
        keep: (note: Note) => void noted.push(note),
        ...functions,
      },
      ...rest,
    });
    const texts = noted.map(({ text }) => text);
    return { flow, seen, noted, texts, ...result };
  }

  it("get what toSideStream() is given, and newRecord() has their defaults", async () => {
    const { seen, noted, task, report } = await run(function* (ctx: GeneratorContext) {
      for (let n = 0; n < 3; n++) {
        void ctx.toSideStream("notes", { ...ctx.newRecord("notes"), text: `before ${n}` });
        void ctx.toSideStream("notes", { text: `also before ${n}`, level: "high" });
        yield { ...ctx.newRecord(), n };
      }
      void ctx.toSideStream("notes", { text: "at the end" });
    });
    assert.equal(report.finished, true);
    assert.deepEqual(seen, [0, 1, 2]);
    assert.deepEqual(noted, [
      { text: "before 0", level: "info" },
      { text: "also before 0", level: "high" },
      { text: "before 1", level: "info" },
      { text: "also before 1", level: "high" },
      { text: "before 2", level: "info" },
      { text: "also before 2", level: "high" },
      { text: "at the end", level: "info" },
    ]);
    assert.equal(task("gen").counts.out, 3);
    assert.equal(task("gen").counts.duplicates, 0);
  });

  it("take a record at once: its promise is kept before the source has given its record", async () => {
    const { texts } = await run(async function* (ctx: GeneratorContext) {
      await ctx.toSideStream("notes", { text: "first" });
      yield { n: 0 };
    });
    assert.deepEqual(texts, ["first"]);
  });

  it("refuse what does not fit at the call, with an error that names the side out or the field", async () => {
    const errors: Error[] = [];
    const { texts } = await run(function* (ctx: GeneratorContext) {
      for (
        const call of [
          () => ctx.toSideStream("nots", { text: "x" }),
          () => ctx.newRecord("nots"),
          () => ctx.toSideStream("notes", { text: 5 }),
        ]
      ) {
        try {
          void call();
        } catch (error) {
          errors.push(error as Error);
        }
      }
      yield { n: 0 };
    });
    assert.deepEqual(errors.map(({ name }) => name), ["RangeError", "RangeError", "RecordError"]);
    assert.equal(errors[0]!.message, 'Task "gen" has no side out "nots"; it has "notes"');
    assert.match(
      errors[2]!.message,
      /^What task "gen" gave to side out "notes" does not fit its schema: text: expected string/,
    );
    assert.equal(Reflect.get(errors[2]!, "path"), "text");
    assert.deepEqual(texts, []);
  });

  it("store nothing twice when a generator begins anew after an error, and loses nothing", async () => {
    let begun = 0;
    const { seen, texts, task } = await run(function* (ctx: GeneratorContext) {
      begun++;
      for (let n = 0; n < 6; n++) {
        void ctx.toSideStream("notes", { text: `a${n}` });
        void ctx.toSideStream("notes", { text: `b${n}` });
        if (n === 4 && begun === 1) throw new Error("away for a moment");
        yield { n };
      }
    });
    assert.equal(begun, 2);
    assert.deepEqual(seen, [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(texts, [0, 1, 2, 3, 4, 5].flatMap((n) => [`a${n}`, `b${n}`]));
    assert.equal(task("gen").counts.duplicates, 10);
  });

  it("store nothing twice when next() is asked again after an error", async () => {
    let failed = false;
    const { texts } = await run({
      next(ctx: GeneratorContext) {
        if (ctx.position === 4) return undefined;
        void ctx.toSideStream("notes", { text: `n${ctx.position}` });
        if (ctx.position === 2 && !failed) {
          failed = true;
          throw new Error("away for a moment");
        }
        return { n: ctx.position };
      },
    });
    assert.deepEqual(texts, ["n0", "n1", "n2", "n3"]);
  });

  for (const asks of [true, false]) {
    it(
      `store nothing twice when a stopped run goes on with a source that ${
        asks ? "asks for its position" : "begins at its first record"
      }`,
      async () => {
        const flow = given.flowId();
        const stop = new AbortController();
        const module = (until: number) =>
          async function* (ctx: GeneratorContext) {
            for (let n = asks ? ctx.position : 0; n < 8; n++) {
              void ctx.toSideStream("notes", { text: `n${n}` });
              if (n === until) {
                stop.abort();
                await new Promise(() => {});
              }
              yield { n };
            }
          };
        const first = await run(module(5), { flow, stop: stop.signal });
        const second = await run(module(-1), { flow });
        const texts = [...first.texts, ...second.texts];
        assert.deepEqual(texts.toSorted(), [0, 1, 2, 3, 4, 5, 6, 7].map((n) => `n${n}`));
        assert.deepEqual([...first.seen, ...second.seen].toSorted(), [0, 1, 2, 3, 4, 5, 6, 7]);
      },
    );
  }

  it("are stored before a later position is noted, or the source is finished", async () => {
    const flow = given.flowId();
    const gate = Promise.withResolvers<void>();
    const seen: number[] = [];
    const text = "x".repeat(10_000);
    let taken = 0;
    const running = run(function* (ctx: GeneratorContext) {
      for (let n = 0; n < 12; n++) {
        void ctx.toSideStream("notes", { text });
        yield { n };
      }
    }, {
      flow,
      notes: "meta: {stream.max.bytes: 65536, max.in.flight: 1},",
      functions: {
        work: ({ n }: { n: number }) => void seen.push(n),
        keep: async () => {
          await gate.promise;
          taken++;
        },
      },
    });
    const noted = async () => (await given.broker.state.keys(`checkpoint.${flow}`)).length;
    const finished = async () => (await given.broker.state.keys(`finished.${flow}`)).length;
    await eventually(() => seen.length === 12, "all records");
    // Longer than the second after which a position is noted.
    await new Promise((resolve) => setTimeout(resolve, 1300));
    assert.deepEqual([await noted(), await finished()], [0, 0]);
    gate.resolve();
    const { report } = await running;
    assert.equal(report.finished, true);
    assert.equal(taken, 12);
  });
});
