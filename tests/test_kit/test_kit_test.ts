import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import {
  AckError,
  BasicRuntime,
  type BulkContext,
  type CloseContext,
  type Context,
  createTestKit,
  type OpenContext,
} from "kflow";

import { CommandLine } from "../support/commands/command.ts";

const NUMBER = {
  type: "record",
  name: "n",
  fields: [{ name: "originalnumber", type: "int" }],
};
const RESULT = '{"type":"record","name":"m","fields":[{"name":"mynumber","type":"int"}]}';

interface Numbered {
  originalnumber: number;
}

const increment = ({ originalnumber }: Numbered) => ({ mynumber: originalnumber + 1 });
const numbered = (count: number): Numbered[] =>
  Array.from({ length: count }, (_, originalnumber) => ({ originalnumber }));

describe("createTestKit()", () => {
  it("shows what a function makes of what is pushed", async () => {
    const kit = await createTestKit({ function: increment, schemaIn: NUMBER, schemaOut: RESULT });
    await kit.push({ originalnumber: 4 }, { originalnumber: 6 });
    assert.deepEqual(kit.outputs, [{ mynumber: 5 }, { mynumber: 7 }]);
    assert.deepEqual(kit.acked, [{ originalnumber: 4 }, { originalnumber: 6 }]);
    await kit.push({ originalnumber: 0 });
    assert.equal(kit.outputs.length, 3);
    await kit.end();
    await assert.rejects(kit.push({ originalnumber: 1 }), /the test kit has ended/);
  });

  it("opens a class with its meta, and closes it at the end of the input", async () => {
    const seen: string[] = [];
    class Add {
      #step = 0;
      open(ctx: OpenContext) {
        this.#step = ctx.meta.getInteger("increment");
        seen.push(Object.keys(ctx.schemaIn).join());
      }
      process({ originalnumber }: Numbered) {
        return [{ mynumber: originalnumber + this.#step }];
      }
      close() {
        seen.push("closed");
      }
    }
    const kit = await createTestKit({
      function: Add,
      schemaIn: NUMBER,
      schemaOut: RESULT,
      meta: { increment: 10 },
    });
    await kit.push({ originalnumber: 1 });
    assert.deepEqual(kit.outputs, [{ mynumber: 11 }]);
    await kit.end();
    assert.deepEqual(seen, ["input", "closed"]);
  });

  it("takes the schema that the function declares itself", async () => {
    await using kit = await createTestKit({
      function: {
        open: (ctx: OpenContext) => void (ctx.schemaOut = JSON.parse(RESULT)),
        process: increment,
      },
      schemaIn: JSON.stringify(NUMBER),
    });
    await kit.push({ originalnumber: 1 });
    assert.deepEqual(kit.outputs, [{ mynumber: 2 }]);
  });

  it("gives up an AckError, and shows its error record", async () => {
    class Negative extends AckError {}
    await using kit = await createTestKit({
      function() {
        throw new Negative("below zero");
      },
      schemaIn: NUMBER,
      schemaOut: RESULT,
    });
    await kit.push({ originalnumber: -1 });
    assert.deepEqual(kit.acked, [{ originalnumber: -1 }]);
    const [record] = kit.errorRecords;
    assert.equal(record!.error.split("\n").at(-2), "Negative: below zero");
    assert.equal(record!.payload, '{"originalnumber":-1}');
    assert.equal(record!.functionId, "function");
    assert.deepEqual([kit.outputs, kit.nacked, kit.deadLetters], [[], [], []]);
  });

  it("hands back what fails, and tries it again as time passes", async () => {
    let calls = 0;
    await using kit = await createTestKit({
      function(record: Numbered, ctx: Context) {
        calls++;
        if (ctx.delivery.attempt < 3) throw new Error("not yet");
        return increment(record);
      },
      schemaIn: NUMBER,
      schemaOut: RESULT,
    });
    const record = { originalnumber: 1 };
    await kit.push(record);
    assert.deepEqual(kit.nacked, [{ record, attempt: 1, delayMs: 1000 }]);
    await kit.advance(999);
    assert.equal(calls, 1);
    await kit.advance(1);
    assert.equal(calls, 2);
    await kit.advance(2000);
    assert.deepEqual(kit.outputs, [{ mynumber: 2 }]);
    assert.equal(kit.errorRecords.length, 2);
  });

  it("makes a dead letter of what always fails, at the end too", async () => {
    const kit = await createTestKit({
      function() {
        throw new TypeError("never");
      },
      schemaIn: NUMBER,
      schemaOut: RESULT,
      meta: { max: { attempts: 3 } },
    });
    await kit.push({ originalnumber: 1 });
    await kit.end();
    assert.deepEqual(kit.deadLetters, [
      { record: { originalnumber: 1 }, attempts: 3, error: "never" },
    ]);
    assert.deepEqual(kit.acked, []);
    assert.equal(kit.nacked.length, 2);
  });

  it("keeps side outs apart, also those of a call that fails", async () => {
    await using kit = await createTestKit({
      function(_record: Numbered, ctx: Context) {
        void ctx.toSideStream("notes", { text: "seen" });
        if (ctx.delivery.attempt === 1) throw new Error("once");
        return ctx.newRecord();
      },
      schemaIn: NUMBER,
      schemaOut: RESULT,
      sideOuts: {
        notes: '{"type":"record","name":"note","fields":[{"name":"text","type":"string"}]}',
      },
    });
    await kit.push({ originalnumber: 1 });
    assert.deepEqual(kit.sideOuts, { notes: [{ text: "seen" }] });
    assert.deepEqual(kit.outputs, []);
    await kit.advance(1000);
    assert.deepEqual(kit.sideOuts, { notes: [{ text: "seen" }] });
    assert.deepEqual(kit.outputs, [{ mynumber: 0 }]);
  });

  /** The product document's example: it asks with every fifth input. */
  function inFives() {
    let count = 0;
    return {
      process(record: Numbered, ctx: Context) {
        if (++count % 5 === 0) ctx.requestAck();
        return increment(record);
      },
    };
  }

  it("holds outputs and inputs until requestAck()", async () => {
    await using kit = await createTestKit({
      function: new BasicRuntime({ manualAck: true }).addProcessFunction(inFives()),
      schemaIn: NUMBER,
      schemaOut: RESULT,
    });
    await kit.push(...numbered(4));
    assert.deepEqual([kit.held, kit.outputs.length, kit.acked.length], [4, 0, 0]);
    await kit.advance(1_000_000);
    assert.ok(kit.heartbeats > 4);
    assert.deepEqual([kit.held, kit.nacked.length], [4, 0]);
    await kit.push({ originalnumber: 4 });
    assert.deepEqual(kit.outputs, [1, 2, 3, 4, 5].map((mynumber) => ({ mynumber })));
    assert.deepEqual([kit.held, kit.acked.length], [0, 5]);
  });

  it("fails at the end if inputs are still held, unless close() asks for them", async () => {
    const meta = { "ack.manual": true };
    const strict = await createTestKit({
      function: inFives(),
      schemaIn: NUMBER,
      schemaOut: RESULT,
      meta,
    });
    await strict.push(...numbered(7));
    await assert.rejects(strict.end(), /still held 2 inputs without requestAck\(\)/);
    assert.deepEqual(strict.nacked.map(({ record }) => record), numbered(7).slice(5));
    const asking = await createTestKit({
      function: { ...inFives(), close: (ctx: CloseContext) => ctx.requestAck() },
      schemaIn: NUMBER,
      schemaOut: RESULT,
      meta,
    });
    await asking.push(...numbered(7));
    await asking.end();
    assert.equal(asking.acked.length, 7);
    assert.equal(asking.outputs.length, 7);
  });

  it("writes a bulk when it is full, when time has passed, and at the end", async () => {
    const bulks: number[][] = [];
    const kit = await createTestKit({
      function: {
        process() {},
        flush(records: readonly Numbered[], ctx: BulkContext) {
          bulks.push(records.map(({ originalnumber }) => originalnumber));
          if (records.length === 1) ctx.fail(0, new AckError("alone"));
        },
      },
      schemaIn: NUMBER,
      meta: { bulk: { enabled: true, flush: { timer: 1000, size: 3 } } },
    });
    await kit.push(...numbered(4));
    assert.deepEqual(bulks, [[0, 1, 2]]);
    assert.deepEqual([kit.buffered, kit.acked.length], [1, 3]);
    await kit.advance(999);
    assert.equal(bulks.length, 1);
    await kit.advance(1);
    assert.deepEqual(bulks[1], [3]);
    assert.equal(kit.errorRecords.length, 1);
    await kit.push(...numbered(2));
    await kit.end();
    assert.deepEqual(bulks[2], [0, 1]);
    assert.equal(kit.acked.length, 6);
  });

  it("gives the store its files, and keeps what the function writes there", async () => {
    const kit = await createTestKit({
      async function(record: { bucket: string; key: string }, ctx: Context) {
        const text = await new Response(await ctx.object()).text();
        await ctx.store.put("out", record.key, new TextEncoder().encode(text.toUpperCase()));
      },
      schemaIn: {
        type: "record",
        name: "r",
        fields: [{ name: "bucket", type: "string" }, { name: "key", type: "string" }],
      },
      files: { "docs/a/b.txt": "hello" },
    });
    await kit.push({ bucket: "docs", key: "a/b.txt" });
    const { body } = await kit.store.get("out", "a/b.txt");
    assert.equal(await new Response(body).text(), "HELLO");
    await kit.push({ bucket: "docs", key: "gone" });
    assert.match(kit.errorRecords[0]!.error, /gone/);
    assert.equal(kit.nacked.length, 1);
    await kit.stop();
  });

  it("downloads to a real file, which is gone after the acknowledgement", async () => {
    const paths: string[] = [];
    await using kit = await createTestKit({
      async function(_record: unknown, ctx: Context) {
        paths.push(ctx.localPath!);
        assert.equal(await readFile(ctx.localPath!, "utf8"), "hello");
      },
      schemaIn: {
        type: "record",
        name: "r",
        fields: [{ name: "bucket", type: "string" }, { name: "key", type: "string" }],
      },
      files: { "docs/a.txt": "hello" },
      autoDownload: true,
    });
    await kit.push({ bucket: "docs", key: "a.txt" });
    assert.deepEqual(kit.errorRecords, []);
    assert.match(paths[0]!, /^\/tmp\/.*a\.txt$/);
    assert.equal(existsSync(paths[0]!), false);
  });

  it("delivers again what takes longer than the ack wait, and not with heartbeats", async () => {
    for (const longRunning of ["false", "true"]) {
      const gate = Promise.withResolvers<void>();
      const attempts: number[] = [];
      const kit = await createTestKit({
        async function(record: Numbered, ctx: Context) {
          attempts.push(ctx.delivery.attempt);
          if (ctx.delivery.attempt === 1) await gate.promise;
          return increment(record);
        },
        schemaIn: NUMBER,
        schemaOut: RESULT,
        env: { KFLOW_LONG_RUNNING_PROCESSING: longRunning },
        meta: { concurrency: 2 },
      });
      const pushed = kit.push({ originalnumber: 1 });
      await kit.advance(300_000);
      assert.deepEqual(attempts, longRunning === "true" ? [1] : [1, 2]);
      gate.resolve();
      await pushed;
      assert.deepEqual(kit.outputs, [{ mynumber: 2 }]);
      await kit.stop();
    }
  });

  it("keeps what was logged, the runtime's warnings included", async () => {
    await using kit = await createTestKit({
      function: (_record: Numbered, ctx: Context) => ctx.log.info("seen", { x: 1 }),
      schemaIn: NUMBER,
      meta: { "max.poll.interval.ms": 2000 },
    });
    await kit.push({ originalnumber: 1 });
    assert.ok(
      kit.log.some(({ level, message, x }) => level === "INFO" && message === "seen" && x === 1),
    );
    assert.ok(kit.log.some(({ level, message }) => level === "WARNING" && /11000/.test(message)));
  });

  it("names every option that is wrong, and why a function cannot be opened", async () => {
    await assert.rejects(
      createTestKit({
        function: increment,
        schemaIn: NUMBER,
        schemaOut: '{"type": "record"}',
        meta: { "max.attempts": 0 },
      }),
      (error: Error) => {
        assert.match(error.message, /createTestKit dag\[1\]\.schema: record with name required/);
        assert.match(error.message, /createTestKit dag\[1\]\.meta\.max\.attempts: /);
        return true;
      },
    );
    await assert.rejects(
      createTestKit({ function: increment, schemaIn: NUMBER, files: { docs: "" } }),
      /createTestKit files\."docs": it names no object; write "bucket\/key"/,
    );
    await assert.rejects(
      createTestKit({
        function: {
          open() {
            throw new Error("no key");
          },
          process() {},
        },
        schemaIn: NUMBER,
      }),
      /Cannot open task "function": no key/,
    );
    await assert.rejects(createTestKit({ function: 5, schemaIn: NUMBER }), /is a number/);
  });

  it("refuses a record that does not fit, pushed or returned", async () => {
    await using kit = await createTestKit({
      function: (record: Numbered) => ({ other: record.originalnumber }),
      schemaIn: NUMBER,
      schemaOut: RESULT,
    });
    await assert.rejects(kit.push({ originalnumber: "x" }), /originalnumber/);
    await kit.push({ originalnumber: 1 });
    assert.match(
      kit.errorRecords[0]!.error,
      /\nRecordError: What task "function" returned does not fit its schema: 2 values do not fit: mynumber: missing, expected int; other: /,
    );
    await using sink = await createTestKit({ function: increment, schemaIn: NUMBER });
    await sink.push({ originalnumber: 1 });
    assert.match(sink.errorRecords[0]!.error, /there is no schema for it; give schemaOut/);
  });
});

describe("createTestKit() in a plain script", () => {
  const kflow = new CommandLine();
  after(() => kflow.endAll());

  it("works, and lets the process end", async () => {
    const main = "tests/test_kit/support/plain_script.ts";
    assert.deepEqual(await kflow.run([], { main }), {
      status: 0,
      signal: undefined,
      stdout: "42\n",
      stderr: "",
    });
  });
});
