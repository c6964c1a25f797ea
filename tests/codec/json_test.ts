import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { SchemaError } from "../../src/codec/codec.ts";

const codec = new AvroCodec();

function record(...types: unknown[]) {
  const fields = types.map((type, i) => ({ name: `f${i}`, type }));
  return codec.parse({ type: "record", name: "R", fields });
}

function bytes(...values: number[]) {
  return Uint8Array.from(values);
}

describe("RecordSchema.toJson()", () => {
  function jsonOf(type: unknown, value: unknown): unknown {
    const schema = record(type);
    const json = schema.toJson(schema.decode(schema.encode({ f0: value })));
    assert.deepEqual(JSON.parse(JSON.stringify(json)), json);
    return (json as { f0: unknown }).f0;
  }

  it("writes bytes and fixed as one character a byte", () => {
    assert.equal(jsonOf("bytes", new Uint8Array([0, 65, 255])), "\u0000A\u00ff");
    assert.equal(jsonOf({ type: "fixed", name: "F", size: 1 }, new Uint8Array([200])), "\u00c8");
    assert.equal((jsonOf("bytes", new Uint8Array(200_000)) as string).length, 200_000);
  });

  it("writes longs as numbers, and beyond 2^53 as texts", () => {
    assert.equal(jsonOf("long", Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
    assert.equal(jsonOf("long", 2n ** 53n), "9007199254740992");
    assert.equal(jsonOf("long", -(2n ** 63n)), "-9223372036854775808");
    assert.deepEqual(record("long").toJson({ f0: 7n }), { f0: 7 });
  });

  it("makes of longs beyond 2^53 what it is told to, wherever they are", () => {
    const wide = 2n ** 60n;
    const types = ["long", ["int", "long"], { type: "array", items: "long" }, {
      type: "map",
      values: ["null", "long"],
    }];
    const values = { f0: wide, f1: { long: wide }, f2: [1n, -wide], f3: { a: wide, b: null } };
    const form = { plain: true, bigLong: (value: bigint) => `<${value}>` };
    assert.deepEqual(record(...types).toJson(values, form), {
      f0: `<${wide}>`,
      f1: `<${wide}>`,
      f2: [1, `<${-wide}>`],
      f3: { a: `<${wide}>`, b: null },
    });
  });

  it("writes unions without their wrapping where the value says which branch it is", () => {
    assert.equal(jsonOf(["int", "long"], { long: 2n ** 60n }), "1152921504606846976");
    assert.equal(jsonOf(["null", "string"], null), null);
    assert.deepEqual(jsonOf(["null", { type: "array", items: "bytes" }], [new Uint8Array([66])]), [
      "B",
    ]);
    assert.deepEqual(jsonOf(["null", { type: "map", values: "int" }], { a: 1 }), { a: 1 });
  });

  it("wraps the value of a union that would be read as another branch", () => {
    assert.deepEqual(jsonOf(["double", "long"], { long: 5 }), { long: 5 });
    assert.deepEqual(jsonOf(["null", "string", "bytes"], bytes(255)), { bytes: "\u00ff" });
    assert.deepEqual(jsonOf(["bytes", "long"], 2n ** 62n), { long: "4611686018427387904" });
    assert.deepEqual(jsonOf(["string", { type: "map", values: "string" }], { string: "x" }), {
      map: { string: "x" },
    });
  });

  it("writes numbers that JSON lacks as text", () => {
    assert.equal(jsonOf("double", NaN), "NaN");
    assert.equal(jsonOf("float", -Infinity), "-Infinity");
    assert.equal(jsonOf(["null", "double"], Infinity), "Infinity");
    assert.deepEqual(jsonOf(["null", "double", "string"], NaN), { double: "NaN" });
  });

  it("writes them as null, and unions without wrapping, in the plain form", () => {
    const schema = record("double", ["double", "long"], ["null", "string", "bytes"]);
    const given = { f0: NaN, f1: { long: 5 }, f2: bytes(65) };
    assert.deepEqual(schema.toJson(given, { plain: true }), { f0: null, f1: 5, f2: "A" });
  });

  it("keeps a map key __proto__", () => {
    const map = JSON.parse('{"__proto__": "x", "a": "y"}');
    assert.equal(
      JSON.stringify(jsonOf({ type: "map", values: "string" }, map)),
      '{"__proto__":"x","a":"y"}',
    );
  });

  it("fills what a record that was never encoded leaves out", () => {
    const schema = codec.parse({
      type: "record",
      name: "R",
      fields: [
        { name: "a", type: "int", default: 3 },
        { name: "b", type: ["null", "string"] },
      ],
    });
    assert.deepEqual(schema.toJson({}), { a: 3, b: null });
  });
});

describe("RecordSchema.newRecord()", () => {
  it("has zero, empty, the first symbol and the first branch, and can be encoded", () => {
    const schema = record(
      "null",
      "boolean",
      "int",
      "long",
      "double",
      "string",
      "bytes",
      { type: "fixed", name: "F", size: 2 },
      { type: "enum", name: "E", symbols: ["A", "B"] },
      { type: "array", items: "int" },
      { type: "map", values: "int" },
      ["string", "null"],
      ["int", "long"],
      { type: "record", name: "In", fields: [{ name: "x", type: "int", default: 4 }] },
    );
    const made = schema.newRecord();
    assert.deepStrictEqual(Object.values(made), [
      null,
      false,
      0,
      0,
      0,
      "",
      new Uint8Array(0),
      new Uint8Array(2),
      "A",
      [],
      {},
      "",
      { int: 0 },
      { x: 4 },
    ]);
    assert.deepStrictEqual(schema.decode(schema.encode(made)), made);
  });

  it("has the declared defaults, in memory of its own", () => {
    const schema = codec.parse({
      type: "record",
      name: "R",
      fields: [
        { name: "a", type: { type: "array", items: "int" }, default: [1, 2] },
        { name: "b", type: "bytes", default: "\u0001\u00ff" },
        { name: "e", type: { type: "enum", name: "E", symbols: ["A", "B"], default: "B" } },
      ],
    });
    const first = schema.newRecord();
    assert.deepEqual(first, { a: [1, 2], b: new Uint8Array([1, 255]), e: "B" });
    (first.a as number[]).push(3);
    assert.deepEqual(schema.newRecord().a, [1, 2]);
  });

  it("ends for recursive records", () => {
    const list = { type: "record", name: "L", fields: [{ name: "n", type: ["L", "null"] }] };
    assert.deepEqual(codec.parse(list).newRecord(), { n: null });
    const hopeless = { type: "record", name: "L", fields: [{ name: "n", type: ["L"] }] };
    assert.throws(() => codec.parse(hopeless).newRecord(), SchemaError);
  });
});
