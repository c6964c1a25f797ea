import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Context } from "../../../mod.ts";
import { AckError } from "../../../src/api/ack_error.ts";
import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { eventually } from "../../support/waiting.ts";
import { type FlowOptions, runFlow } from "../../support/in_process/flow.ts";

/** The schemas of the product document, "Generic Sidestream". */
const DEMO =
  '{"type": "record", "name": "demo", "namespace": "tech.athea.kosmos", "fields": [{"name": "msg", "type": "string"}, {"name": "id", "type": "string"}]}';
const SIDE =
  '{"type": "record", "name": "demoside", "namespace": "tech.athea.kosmos", "fields": [{"name": "err", "type": "string"}, {"name": "id", "type": "string"}, {"name": "level", "type": "string", "default": "low"}]}';

interface Demo {
  msg: string;
  id: string;
}
interface Side {
  err: string;
  id: string;
  level: string;
}

onBothBrokers("a side out", (given) => {
  async function run(
    forward: (record: Demo, ctx: Context) => unknown,
    options: Partial<FlowOptions> & {
      flow?: string;
      records?: Demo[];
      meta?: string;
      keep?: string;
    } = {},
  ) {
    const { flow = given.flowId(), meta = "{retry.delay.ms: 1}", keep = "", ...rest } = options;
    const { records = [{ msg: "", id: "r0" }], functions, ...more } = rest;
    const mains: string[] = [];
    const sides: Side[] = [];
    const result = await runFlow({
      yaml: `
mode: batch
name: ${flow}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./x.ts, schema: '${DEMO}', out: [forward]}
  - id: forward
    type: raw
    module: ./x.ts
    schema: '${DEMO}'
    meta: ${meta}
    sideOuts: [{id: mysideout, schema: '${SIDE}', out: [keep]}]
    out: [take]
  - {id: take, type: raw, module: ./x.ts}
  - {id: keep, type: raw, module: ./x.ts, ${keep}}
`,
      broker: given.broker,
      functions: {
        make: records,
        forward,
        take: ({ id }: Demo) => void mains.push(id),
        keep: (side: Side) => void sides.push(side),
        ...functions,
      },
      ...more,
    });
    return { flow, mains, sides, ids: sides.map(({ id }) => id), ...result };
  }

  const stored = async (flow: string, task: string) =>
    (await given.broker.queueState(`kflow-${flow}-${task}`, `${flow}-${task}`))?.lastSequence ?? 0;

  it("takes the records of the document's demo, and the main output stays the same", async () => {
    const { mains, sides } = await run((record, ctx) => {
      if (record.msg === "") {
        const side = ctx.newRecord("mysideout");
        side.err = "the message was empty";
        side.id = record.id;
        void ctx.toSideStream("mysideout", side);
      }
      return record;
    }, {
      records: [{ msg: "", id: "r0" }, { msg: "hello", id: "r1" }, { msg: "", id: "r2" }],
    });
    assert.deepEqual(mains, ["r0", "r1", "r2"]);
    assert.deepEqual(
      sides,
      ["r0", "r2"].map((id) => ({
        err: "the message was empty",
        id,
        level: "low",
      })),
    );
  });

  it("gets its record at once: before the call is over, and before the main output", async () => {
    const flow = given.flowId();
    const seen: number[][] = [];
    await run(async (record, ctx) => {
      await ctx.toSideStream("mysideout", { err: "x", id: record.id });
      await eventually(async () => await stored(flow, "keep") === 1, "the side record");
      seen.push([await stored(flow, "keep"), await stored(flow, "take")]);
      return record;
    }, { flow });
    assert.deepEqual(seen, [[1, 0]]);
    assert.equal(await stored(flow, "take"), 1);
  });

  it("keeps its record when the call fails afterwards", async () => {
    const { mains, ids, task } = await run((record, ctx) => {
      void ctx.toSideStream("mysideout", { err: "x", id: record.id });
      throw new AckError("given up");
    });
    assert.deepEqual(mains, []);
    assert.deepEqual(ids, ["r0"]);
    assert.equal(task("forward").counts.acked, 1);
  });

  it("does not get a record twice when its input is redelivered within the duplicate window", async () => {
    const { mains, ids, task } = await run((record, ctx) => {
      for (const name of ["a", "b"]) {
        void ctx.toSideStream("mysideout", { err: "x", id: `${record.id}${name}` });
      }
      if (ctx.delivery.attempt < 3) throw new Error("not yet");
      void ctx.toSideStream("mysideout", { err: "x", id: `${record.id}c` });
      return record;
    });
    assert.deepEqual(mains, ["r0"]);
    assert.deepEqual(ids, ["r0a", "r0b", "r0c"]);
    assert.equal(task("forward").counts.errors, 2);
    assert.ok(task("forward").counts.duplicates > 0);
  });

  for (const how of ["returns", "throws an AckError"]) {
    it(
      `need not be awaited: its input is acked only after its record is stored, when the call ${how}`,
      async () => {
        const flow = given.flowId();
        const gate = Promise.withResolvers<void>();
        const err = "x".repeat(10_000);
        let kept = 0;
        let progress: TaskProgress | undefined;
        const running = run((record, ctx) => {
          void ctx.toSideStream("mysideout", { err, id: record.id });
          if (how !== "returns") throw new AckError("given up");
        }, {
          flow,
          keep: "meta: {stream.max.bytes: 65536, max.in.flight: 1},",
          records: Array.from({ length: 12 }, (_, i) => ({ msg: "", id: `r${i}` })),
          started: (all) => progress = all.find(({ task }) => task === "forward"),
          functions: {
            keep: async () => {
              await gate.promise;
              kept++;
            },
          },
        });
        let before = 0;
        await eventually(async () => {
          await new Promise((resolve) => setTimeout(resolve, 300));
          const now = await stored(flow, "keep");
          const stands = now > 0 && now === before;
          before = now;
          return stands;
        }, "a full queue");
        assert.ok(await stored(flow, "keep") < 12);
        assert.ok(
          progress!.counts.acked <= await stored(flow, "keep"),
          String(progress!.counts.acked),
        );
        gate.resolve();
        const { task } = await running;
        assert.equal(kept, 12);
        assert.equal(task("forward").counts.acked, 12);
      },
    );
  }

  it("has a new record with its schema's defaults, and the main output one with its own", async () => {
    const made: unknown[] = [];
    await run((_record, ctx) => void made.push(ctx.newRecord("mysideout"), ctx.newRecord()));
    assert.deepEqual(made, [{ err: "", id: "", level: "low" }, { msg: "", id: "" }]);
  });

  it("that is unknown, or does not take the record, is a typed error at the call, which may be caught", async () => {
    const errors: Error[] = [];
    const { mains, ids, task } = await run((record, ctx) => {
      for (
        const call of [
          () => ctx.toSideStream("mysideut", { err: "x", id: "y" }),
          () => ctx.newRecord("mysideut"),
          () => ctx.toSideStream("mysideout", { err: "x", id: 5 }),
          () => ctx.toSideStream("mysideout", { err: "x", id: "y", eror: "z" }),
        ]
      ) {
        try {
          void call();
        } catch (error) {
          errors.push(error as Error);
        }
      }
      return record;
    });
    assert.deepEqual(errors.map(({ name }) => name), [
      "RangeError",
      "RangeError",
      "RecordError",
      "RecordError",
    ]);
    assert.equal(
      errors[0]!.message,
      'Task "forward" has no side out "mysideut"; it has "mysideout"',
    );
    assert.equal(errors[1]!.message, errors[0]!.message);
    assert.match(
      errors[2]!.message,
      /^What task "forward" gave to side out "mysideout" does not fit its schema: id: expected string, got/,
    );
    assert.deepEqual(errors.slice(2).map((error) => Reflect.get(error, "path")), ["id", "eror"]);
    assert.deepEqual([mains, ids], [["r0"], []]);
    assert.equal(task("forward").counts.errors, 0);
  });
});
