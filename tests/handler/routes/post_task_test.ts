import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  AckError,
  BasicRuntime,
  type BulkContext,
  type Context,
  type OpenContext,
} from "../../../mod.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { avroContainer } from "../../../src/codec/container_writer.ts";
import { readAvroContainer } from "../../../src/codec/container_reader.ts";
import { type AnsweredJson, ask, Handlers, post } from "../../support/in_process/handlers.ts";

const NUMBER = {
  type: "record",
  name: "number",
  fields: [
    { name: "value", type: "long" },
    { name: "note", type: ["null", "bytes"], default: null },
  ],
};
const DOUBLED = { type: "record", name: "doubled", fields: [{ name: "value", type: "long" }] };
const schema = new AvroCodec().parse(NUMBER);
const doubledSchema = new AvroCodec().parse(DOUBLED);

/** A raw task between a source and a sink. */
function pipeline(task: object = {}): object {
  return {
    name: "calls",
    globalConfig: { store: { addr: "memory:" } },
    dag: [
      { id: "from", type: "raw-source", schema: NUMBER, out: ["double"] },
      { id: "double", type: "raw", schema: DOUBLED, out: ["show", "keep"], ...task },
      { id: "show", type: "print" },
      { id: "keep", type: "s3-sink", topics: "s3a://kept" },
    ],
  };
}

function double(record: { value: number }, _ctx: Context) {
  if (record.value === 13) throw new AckError("unlucky");
  if (record.value === 14) throw new RangeError("try later");
  if (record.value === 0) return undefined;
  return { value: record.value * 2 };
}

describe("POST /tasks/:id", () => {
  const handlers = new Handlers();
  after(() => handlers.closeAll());
  const handler = handlers.make({ pipeline: pipeline(), functions: { double } });

  it("answers one record with what the function made of it", async () => {
    const { status, json, headers } = await ask(
      handler,
      post("/tasks/double", { json: { value: 4 } }),
    );
    assert.equal(status, 200);
    assert.equal(headers.get("content-type"), "application/json");
    assert.deepEqual(json, { outputs: [{ value: 8 }] });
  });

  it("takes an array and answers in its order, with one answer for two consumers", async () => {
    const { json } = await ask(
      handler,
      post("/tasks/double", { json: [{ value: 1 }, { value: 0 }, { value: 3 }] }),
    );
    assert.deepEqual(json, { outputs: [{ value: 2 }, { value: 6 }] });
  });

  it("answers 204 when the function returns nothing for the records", async () => {
    const { status, json } = await ask(handler, post("/tasks/double", { json: [{ value: 0 }] }));
    assert.deepEqual([status, json], [204, undefined]);
  });

  it("takes and gives JSON lines", async () => {
    const response = await handler(post("/tasks/double", {
      headers: { "Content-Type": "application/x-ndjson", Accept: "application/x-ndjson" },
      body: '{"value": 1}\n\n{"value": 2}\n',
    }));
    assert.equal(response.headers.get("content-type"), "application/x-ndjson");
    assert.equal(await response.text(), '{"value":2}\n{"value":4}\n');
  });

  it("takes and gives bare Avro", async () => {
    const response = await handler(post("/tasks/double", {
      headers: { "Content-Type": "avro/binary", Accept: "avro/binary" },
      body: new Uint8Array(schema.encode({ value: 21 })),
    }));
    assert.equal(response.headers.get("content-type"), "avro/binary");
    assert.deepEqual(doubledSchema.decode(await response.bytes()), { value: 42 });
  });

  it("takes and gives Avro container files, of an older schema too", async () => {
    const older = new AvroCodec().parse({
      type: "record",
      name: "number",
      fields: [{ name: "value", type: "int" }],
    });
    const bodies = [5, 6].map((value) => older.encode({ value }));
    const file = avroContainer({ schema: older.text, bodies, sync: new Uint8Array(16) });
    const response = await handler(post("/tasks/double", {
      headers: { "Content-Type": "application/avro", Accept: "application/avro" },
      body: file,
    }));
    assert.equal(response.headers.get("content-type"), "application/avro");
    const answer = await readAvroContainer(await response.bytes(), { mostBytes: 1000 });
    const [block] = answer.blocks;
    assert.deepEqual(JSON.parse(answer.schema), DOUBLED);
    assert.deepEqual([...doubledSchema.decodeEach(block!.bytes, block!.count)], [
      { value: 10 },
      { value: 12 },
    ]);
  });

  it("reads its own answers in JSON back as the same records", async () => {
    const named = (name: string) => ({ type: "record", name, fields: [{ name, type: "int" }] });
    const schema = {
      type: "record",
      name: "mixed",
      fields: [
        { name: "valueOf", type: ["null", "string", "bytes", "long", named("a"), named("b")] },
        { name: "long", type: "long" },
        { name: "real", type: ["null", "double"] },
      ],
    };
    const branches = [
      { a: { a: 1 } },
      { b: { b: 1 } },
      { bytes: new Uint8Array([255]) },
      { string: "5" },
      { long: 5 },
      { long: 2n ** 62n },
      null,
    ];
    const records = branches.map((valueOf, i) => ({
      valueOf,
      long: i % 2 === 0 ? -(2n ** 53n) : 2n ** 53n,
      real: [NaN, Infinity, -Infinity, null, 0.5][i % 5],
    }));
    const taken: unknown[] = [];
    const same = handlers.make({
      pipeline: {
        name: "same",
        dag: [
          { id: "from", type: "raw-source", schema, out: ["same"] },
          { id: "same", type: "raw", schema, out: ["show"] },
          { id: "show", type: "print" },
        ],
      },
      functions: { same: (record: unknown) => (taken.push(record), record) },
    });
    const avro = new AvroCodec().parse(schema);
    const bodies = records.map((record) => avro.encode(record));
    const file = avroContainer({ schema: avro.text, bodies, sync: new Uint8Array(16) });
    const headers = { "Content-Type": "application/avro", Accept: "application/json" };
    const first = await ask(same, post("/tasks/same", { headers, body: file }));
    const { outputs } = first.json!;
    const second = await ask(same, post("/tasks/same", { json: outputs }));
    assert.deepEqual(second.json, first.json);
    assert.deepEqual(taken.slice(records.length), taken.slice(0, records.length));
  });

  it("does not ask for a retry of a record that no retry can help", async () => {
    const fields = ["bucket", "key"].map((name) => ({ name, type: "string" }));
    const place = { type: "record", name: "place", fields };
    const reader = handlers.make({
      pipeline: {
        name: "elsewhere",
        globalConfig: { store: { addr: "memory:" } },
        dag: [
          { id: "from", type: "raw-source", schema: place, out: ["read"] },
          { id: "read", type: "raw" },
        ],
      },
      functions: { read: async (_: unknown, ctx: Context) => void await ctx.object() },
    });
    const { status, json } = await ask(
      reader,
      post("/tasks/read", { json: { bucket: "secret", key: "a" } }),
    );
    assert.equal(status, 422);
    assert.equal(json.errors[0]!.retry, false);
    assert.match(json.errors[0]!.record.error, /Cannot read from bucket "secret"/);
  });

  it("answers 422 with an error record for each that failed, and the outputs of the others", async () => {
    const { status, json } = await ask(
      handler,
      post("/tasks/double", { json: [13, 1, 14].map((value) => ({ value })) }),
    );
    assert.equal(status, 422);
    assert.equal(json.error, "2 of 3 records failed");
    assert.deepEqual(json.outputs, [{ value: 2 }]);
    const [unlucky, later] = json.errors;
    assert.ok(unlucky && later);
    assert.deepEqual([unlucky.item, unlucky.retry], [0, false]);
    assert.equal(unlucky.record.error, "AckError: unlucky");
    assert.deepEqual(JSON.parse(unlucky.record.payload), { value: 13, note: null });
    assert.equal(unlucky.record.flowId, "calls");
    assert.equal(unlucky.record.functionId, "double");
    assert.deepEqual([later.item, later.retry], [2, true]);
    assert.equal(later.record.error, "RangeError: try later");
  });

  it("shows neither stacks nor paths of this machine in its errors", async () => {
    const failing = handlers.make({
      pipeline: pipeline(),
      functions: {
        double() {
          throw new Error(`cannot read ${import.meta.url} nor /etc/secrets/key.pem`);
        },
      },
    });
    const { json } = await ask(failing, post("/tasks/double", { json: { value: 1 } }));
    const [{ record }] = json.errors as [AnsweredJson["errors"][number]];
    assert.equal(record.error, "Error: cannot read post_task_test.ts nor key.pem");
    const unopened = handlers.make({
      pipeline: pipeline(),
      functions: {
        double: {
          open: () => Promise.reject(new Error("no model in /srv/models/large.bin")),
          process: double,
        },
      },
    });
    const opened = await ask(unopened, post("/tasks/double", { json: { value: 1 } }));
    assert.equal(opened.status, 500);
    assert.match(opened.json.error, /no model in large\.bin/);
  });

  it("answers 400 naming the record and the field that are wrong", async () => {
    const { status, json } = await ask(
      handler,
      post("/tasks/double", { json: [{ value: 1 }, { value: "four" }] }),
    );
    assert.equal(status, 400);
    assert.deepEqual([json.item, json.field], [1, "value"]);
    assert.match(json.error, /^Record 1 of the request is not a "number": value: /);
    assert.ok(json.hint);
  });

  it("answers 400 naming a query parameter that it does not know", async () => {
    const request = post("/tasks/double?sync=true", { json: [{ value: 1 }] });
    const { status, json } = await ask(handler, request);
    assert.equal(status, 400);
    assert.equal(json.error, 'There is no parameter "sync" here');
    assert.equal(json.hint, "there is ?from=, ?output=, ?publish=");
  });

  it("answers 400 saying where the body is no JSON", async () => {
    const headers = { "Content-Type": "application/json" };
    const whole = await ask(handler, post("/tasks/double", { headers, body: '{"value":\n}' }));
    assert.match(whole.json.error, /^The body is no JSON \(.* at line 2, column 1\)$/);
    const lines = { "Content-Type": "application/x-ndjson" };
    const line = await ask(handler, post("/tasks/double", { headers: lines, body: "{}\n{" }));
    assert.match(line.json.error, /^Line 2 is no JSON \(.* at line 2, column 2\)$/);
    assert.deepEqual([whole.status, line.status], [400, 400]);
  });

  it("answers 400 for invalid Avro", async () => {
    for (const type of ["avro/binary", "application/avro"]) {
      const headers = { "Content-Type": type };
      const { status, json } = await ask(
        handler,
        post("/tasks/double", { headers, body: new Uint8Array([1, 2, 3, 4, 5]) }),
      );
      assert.equal(status, 400, type);
      assert.ok(json.error && json.hint);
    }
  });

  it("answers 415 for a Content-Type that it cannot read, 406 for an Accept that it cannot give", async () => {
    const text = await ask(handler, post("/tasks/double", { body: "4" }));
    assert.equal(text.status, 415);
    const headers = { Accept: "text/html" };
    const html = await ask(handler, post("/tasks/double", { headers, json: { value: 1 } }));
    assert.equal(html.status, 406);
    const two = await ask(
      handler,
      post("/tasks/double", {
        headers: { Accept: "avro/binary" },
        json: [{ value: 1 }, { value: 2 }],
      }),
    );
    assert.equal(two.status, 406);
  });

  it("takes text for bytes and for longs beyond 2^53, as it gives them", async () => {
    const seen: unknown[] = [];
    const other = handlers.make({
      pipeline: pipeline(),
      functions: {
        double: (record: unknown) => {
          seen.push(record);
          return { value: 2n ** 60n };
        },
      },
    });
    const json = { value: "9007199254740993", note: "\u0000\u00ff" };
    const answer = await ask(other, post("/tasks/double", { json }));
    assert.deepEqual(seen, [{ value: 9007199254740993n, note: new Uint8Array([0, 255]) }]);
    assert.deepEqual(answer.json, { outputs: [{ value: String(2n ** 60n) }] });
  });

  it("gives side outs beside the main output, or alone where the kind has room for one", async () => {
    const sideOuts = [{ id: "odd", schema: NUMBER, out: ["odds"] }];
    const given = pipeline({ sideOuts }) as { dag: object[] };
    given.dag.push({ id: "odds", type: "print" });
    const other = handlers.make({
      pipeline: given,
      functions: {
        double: async (record: { value: number }, ctx: Context) => {
          if (record.value % 2 === 1) await ctx.toSideStream("odd", record);
          if (record.value === 5) throw new AckError("five");
          return { value: record.value * 2 };
        },
      },
    });
    const both = await ask(other, post("/tasks/double", { json: [{ value: 1 }, { value: 2 }] }));
    assert.deepEqual(both.json, {
      outputs: [{ value: 2 }, { value: 4 }],
      sideOuts: { odd: [{ value: 1, note: null }] },
    });
    const headers = { Accept: "application/x-ndjson" };
    const json = [{ value: 1 }, { value: 2 }];
    const side = await other(post("/tasks/double?output=odd", { headers, json }));
    assert.equal(await side.text(), '{"value":1,"note":null}\n');
    assert.equal(side.headers.get("kflow-outputs"), "odd=1, main=2");
    const failed = await ask(other, post("/tasks/double", { json: { value: 5 } }));
    assert.deepEqual(failed.json.sideOuts, { odd: [{ value: 5, note: null }] });
  });

  it("opens a function once for many calls, and closes it with the handler", async () => {
    const events: string[] = [];
    class Counting {
      open(_ctx: OpenContext) {
        events.push("open");
      }
      process({ value }: { value: number }) {
        return { value };
      }
      close() {
        events.push("close");
      }
    }
    const other = handlers.make({ pipeline: pipeline(), functions: { double: Counting } });
    const calls = Array.from(
      { length: 20 },
      (_none, value) => ask(other, post("/tasks/double", { json: { value } })),
    );
    const answers = await Promise.all(calls);
    assert.deepEqual(
      answers.map(({ json }) => json.outputs),
      answers.map((_answer, value) => [{ value }]),
    );
    assert.deepEqual(events, ["open"]);
    await other.close();
    assert.deepEqual(events, ["open", "close"]);
    assert.equal((await ask(other, post("/tasks/double", { json: { value: 1 } }))).status, 503);
  });

  it("answers 500 with the reason where open() fails, and opens again the next time", async () => {
    let opened = 0;
    class Failing {
      open() {
        if (++opened === 1) throw new Error("no model");
      }
      process({ value }: { value: number }) {
        return { value };
      }
    }
    const other = handlers.make({ pipeline: pipeline(), functions: { double: Failing } });
    const first = await ask(other, post("/tasks/double", { json: { value: 1 } }));
    assert.equal(first.status, 500);
    assert.match(first.json.error, /no model/);
    const second = await ask(other, post("/tasks/double", { json: { value: 1 } }));
    assert.deepEqual(second.json, { outputs: [{ value: 1 }] });
  });

  it("writes a bulk at the end of each call, where a failing record fails only itself", async () => {
    const written: number[][] = [];
    class Bulked {
      process() {
        throw new Error("not called in bulk mode");
      }
      flush(records: { value: number }[], ctx: BulkContext) {
        written.push(records.map(({ value }) => value));
        records.forEach(({ value }, i) => {
          if (value === 2) ctx.fail(i, new AckError("two"));
        });
      }
    }
    const meta = { "bulk.enabled": true, "bulk.flush.timer": 60_000, "bulk.flush.size": 2 };
    const given = {
      dag: [
        { id: "from", type: "raw-source", schema: NUMBER, out: ["sink"] },
        { id: "sink", type: "raw", meta },
      ],
    };
    const other = handlers.make({ pipeline: given, functions: { sink: Bulked } });
    const json = [1, 2, 3].map((value) => ({ value }));
    const answer = await ask(other, post("/tasks/sink", { json }));
    assert.deepEqual(written, [[1, 2], [3]]);
    assert.equal(answer.status, 422);
    assert.deepEqual(answer.json.errors.map(({ item }) => item), [1]);
  });

  it("waits for requestAck() of a function that acknowledges by itself, the one of close() included", async () => {
    class InTwos {
      #held = 0;
      process(record: { value: number }, ctx: Context) {
        if (++this.#held % 2 === 0) ctx.requestAck();
        return { value: record.value + 100 };
      }
      close(ctx: { requestAck(): void }) {
        ctx.requestAck();
      }
    }
    const runtime = new BasicRuntime({ manualAck: true }).addProcessFunction(new InTwos());
    const other = handlers.make({ pipeline: pipeline(), functions: { double: runtime } });
    const json = [1, 2, 3].map((value) => ({ value }));
    const { status, json: answer } = await ask(other, post("/tasks/double", { json }));
    assert.equal(status, 200);
    assert.deepEqual(answer.outputs, [{ value: 101 }, { value: 102 }, { value: 103 }]);
  });

  it("runs a sink, whose objects are named after the call's key", async () => {
    const given = pipeline() as { dag: object[] };
    const written: string[] = [];
    given.dag[2] = { id: "show", type: "raw" };
    const other = handlers.make({
      pipeline: given,
      functions: {
        double,
        show: (_record: unknown, ctx: Context) => {
          written.push(ctx.delivery.id);
        },
      },
    });
    for (const key of ["a", "a", "b"]) {
      const headers = { "Idempotency-Key": key };
      const { status } = await ask(other, post("/tasks/show", { headers, json: { value: 1 } }));
      assert.equal(status, 204);
    }
    assert.equal(new Set(written).size, 2);
    const { status } = await ask(other, post("/tasks/keep", { json: { value: 1 } }));
    assert.equal(status, 204);
  });

  it("gives the function the trace of the request, and ignores an invalid one", async () => {
    const seen: (string | undefined)[] = [];
    const other = handlers.make({
      pipeline: pipeline(),
      functions: { double: (_record: unknown, ctx: Context) => void seen.push(ctx.traceparent) },
    });
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (const traceparent of [`00-${trace}-00f067aa0ba902b7-01`, "00-1-2-03"]) {
      const headers = { traceparent };
      const { status } = await ask(other, post("/tasks/double", { headers, json: { value: 1 } }));
      assert.equal(status, 204);
    }
    assert.match(seen[0] ?? "", new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    assert.deepEqual(seen.slice(1), [undefined]);
  });

  it("answers 404 for tasks that are not there, 501 for publishing without a NATS server", async () => {
    const none = await ask(handler, post("/tasks/none", { json: {} }));
    assert.equal(none.status, 404);
    assert.match(none.json.hint, /double/);
    assert.equal((await ask(handler, post("/tasks/from", { json: {} }))).status, 404);
    const publish = await ask(handler, post("/tasks/double?publish=true", { json: { value: 1 } }));
    assert.equal(publish.status, 501);
    assert.match(publish.json.hint, /KFLOW_NATS_ADDR/);
  });

  it("answers a thousand calls at once and one after the other", async () => {
    for (let round = 0; round < 20; round++) {
      const calls = Array.from({ length: 50 }, (_none, i) => round * 50 + i + 100);
      const answers = await Promise.all(
        calls.map((value) => ask(handler, post("/tasks/double", { json: { value } }))),
      );
      assert.deepEqual(
        answers.map(({ json }) => json.outputs[0]?.value),
        calls.map((value) => value * 2),
      );
    }
  });
});
