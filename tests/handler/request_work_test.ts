import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import process from "node:process";
import type { HandlerOptions } from "../../mod.ts";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { avroContainer } from "../../src/codec/container_writer.ts";
import { ask, Handlers, post } from "../support/in_process/handlers.ts";

const codec = new AvroCodec();
const NUMBER = {
  type: "record",
  name: "number",
  fields: [
    { name: "value", type: "long", default: 0 },
    { name: "more", type: { type: "array", items: "null" }, default: [] },
  ],
};
const RECORDS = 100_000;
const MIB = 1 << 20;

function pipeline(schema: unknown): object {
  return {
    name: "work",
    dag: [
      { id: "from", type: "raw-source", ...(schema !== undefined && { schema }), out: ["work"] },
      { id: "work", type: "raw", schema: NUMBER, out: ["show"] },
      { id: "show", type: "print" },
    ],
  };
}

/** A container file of records that have the same bytes. */
function container(schema: unknown, count: number, record: object = {}): Uint8Array<ArrayBuffer> {
  const avro = codec.parse(schema);
  const bodies = new Array<Uint8Array>(count).fill(avro.encode(record));
  return avroContainer({ schema: avro.text, bodies, sync: new Uint8Array(16) });
}

describe("the work on one request", () => {
  const handlers = new Handlers();
  after(() => handlers.closeAll());

  function make(options: { schema?: unknown; limits?: HandlerOptions["limits"] } = {}) {
    return handlers.make({
      pipeline: pipeline("schema" in options ? options.schema : NUMBER),
      functions: { work: () => ({}) },
      limits: options.limits,
    });
  }

  function posted(body: BodyInit, type = "application/avro"): Request {
    return post("/tasks/work", { body, headers: { "Content-Type": type } });
  }

  it(
    "ends with 408 when its time is over though the thread computes, and other requests get their turn",
    async () => {
      const handler = make({ limits: { requestMs: 300 } });
      const order: string[] = [];
      const json = `[${new Array<string>(RECORDS).fill("{}").join()}]`;
      const long = ask(handler, posted(json, "application/json")).then(({ status }) => {
        order.push("long");
        return status;
      });
      const probe = new Promise((resolve) => setTimeout(resolve, 1))
        .then(() => handler(new Request("http://localhost/livez")))
        .then(({ status }) => {
          order.push("probe");
          return status;
        });
      assert.deepEqual(await Promise.all([long, probe]), [408, 200]);
      assert.deepEqual(order, ["probe", "long"]);
    },
  );

  it("accepts any number of records within its time", async () => {
    const handler = make();
    const { status, json } = await ask(handler, posted(container(NUMBER, 5000)));
    assert.equal(status, 200);
    assert.equal(json.outputs.length, 5000);
  });

  it("counts values that take no bytes over all records, in a container file", async () => {
    const nulls = {
      type: "record",
      name: "number",
      fields: Array.from({ length: 500 }, (_, i) => ({ name: `n${i}`, type: "null" })),
    };
    for (const schema of [NUMBER, undefined]) {
      const handler = make({ schema });
      const few = await ask(handler, posted(container(nulls, 500)));
      assert.equal(few.status, 200);
      const many = await ask(handler, posted(container(nulls, 20_000)));
      assert.equal(many.status, 400);
      assert.match(many.json.error, /too many values that take no bytes/);
    }
  });

  it("counts the values and bytes of defaults that records in JSON leave out", async () => {
    const withDefault = (type: unknown, value: unknown) => ({
      type: "record",
      name: "number",
      fields: [{ name: "filled", type, default: value }],
    });
    const lists = withDefault({ type: "array", items: "int" }, new Array<number>(5000).fill(1));
    const bytes = make({ schema: lists });
    assert.equal((await ask(bytes, post("/tasks/work", { json: [{}, {}] }))).status, 200);
    const many = await ask(bytes, post("/tasks/work", { json: new Array<object>(5000).fill({}) }));
    assert.equal(many.status, 413);
    assert.match(many.json.error, /records of more than \d+ bytes/);

    const inner = {
      type: "record",
      name: "inner",
      fields: Array.from(
        { length: 900 },
        (_, i) => ({ name: `n${i}`, type: "null", default: null }),
      ),
    };
    const hollow = make({ schema: withDefault(inner, {}) });
    const few = await ask(hollow, post("/tasks/work", { json: new Array<object>(100).fill({}) }));
    assert.equal(few.status, 200);
    const more = await ask(hollow, post("/tasks/work", { json: new Array<object>(5000).fill({}) }));
    assert.equal(more.status, 400);
    assert.match(more.json.error, /too many values that take no bytes/);
  });

  it("refuses more records than it takes before it reads the first", async () => {
    const empty = { type: "record", name: "number", fields: [] };
    const avro = codec.parse(empty);
    const file = avroContainer({ schema: avro.text, bodies: [], sync: new Uint8Array(16) });
    // A block that says that it holds 2^40 records, and has no bytes.
    const block = [0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0, ...new Uint8Array(16)];
    const { status, json } = await ask(make(), posted(new Uint8Array([...file, ...block])));
    assert.equal(status, 413);
    assert.match(json.error, /more than 100000 records/);
  });

  it("keeps no schema that a request brought for longer than it is used", async () => {
    const handler = make({ schema: undefined });
    const file = (i: number) =>
      container(
        {
          type: "record",
          name: `r${i}`,
          doc: "x".repeat(40_000),
          fields: Array.from({ length: 400 }, (_, k) => ({ name: `f${k}`, type: "int" })),
        },
        1,
        Object.fromEntries(Array.from({ length: 400 }, (_, k) => [`f${k}`, k])),
      );
    const send = async (from: number, count: number) => {
      for (let i = from; i < from + count; i++) {
        assert.equal((await ask(handler, posted(file(i)))).status, 200);
      }
    };
    await send(0, 60);
    const before = process.memoryUsage().rss;
    await send(60, 200);
    const growth = process.memoryUsage().rss - before;
    assert.ok(growth < 150 * MIB, `${Math.round(growth / MIB)} MiB more`);
  });
});
