import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { DecodeError } from "../../src/codec/codec.ts";

const codec = new AvroCodec();

function schemaOf(...fields: [name: string, type: unknown, fallback?: unknown][]) {
  return codec.parse({
    type: "record",
    name: "r",
    fields: fields.map(([name, type, fallback]) => ({
      name,
      type,
      ...(fallback !== undefined && { default: fallback }),
    })),
  });
}

/** What a consumer gets of a JSON value. */
function through(schema: ReturnType<typeof schemaOf>, json: unknown) {
  return schema.decode(schema.encode(schema.fromJson(json)));
}

describe("fromJson()", () => {
  it("reads back what toJson() writes", () => {
    const schema = schemaOf(
      ["text", "string"],
      ["bytes", "bytes"],
      ["small", "int"],
      ["large", "long"],
      ["real", "double"],
      ["list", { type: "array", items: "bytes" }],
      ["map", { type: "map", values: "long" }],
      ["inner", { type: "record", name: "s", fields: [{ name: "b", type: "bytes" }] }],
      ["maybe", ["null", "bytes"]],
      ["none", ["null", "string"]],
      ["one", { type: "enum", name: "e", symbols: ["A", "B"] }],
    );
    const record = {
      text: "grün",
      bytes: new Uint8Array([0, 128, 255]),
      small: -1,
      large: 2n ** 60n,
      real: 0.5,
      list: [new Uint8Array([1]), new Uint8Array()],
      map: { __proto__x: 7 },
      inner: { b: new Uint8Array([2]) },
      maybe: new Uint8Array([200]),
      none: null,
      one: "B",
    };
    const json = JSON.parse(JSON.stringify(schema.toJson(record)));
    assert.deepEqual(schema.encode(schema.fromJson(json)), schema.encode(record));
  });

  it("leaves out what the schema has no field for, and fills in defaults and null", () => {
    const schema = schemaOf(["a", "int"], ["b", "string", "none"], ["c", ["null", "int"]]);
    assert.deepEqual(through(schema, { a: 1, x: [1], y: { z: 2 } }), { a: 1, b: "none", c: null });
  });

  it("takes unions whose branches look the same wrapped or by what fits first", () => {
    const schema = schemaOf(["n", ["int", "double", "string"]]);
    assert.deepEqual(through(schema, { n: 1 }), { n: { int: 1 } });
    assert.deepEqual(through(schema, { n: 1.5 }), { n: { double: 1.5 } });
    assert.deepEqual(through(schema, { n: { double: 1 } }), { n: { double: 1 } });
    assert.deepEqual(through(schema, { n: "1" }), { n: { string: "1" } });
  });

  it("takes a record of a union by its keys", () => {
    const a = { type: "record", name: "A", fields: [{ name: "x", type: "int" }] };
    const b = { type: "record", name: "B", fields: [{ name: "y", type: "int" }] };
    const schema = schemaOf(["v", [a, b, { type: "map", values: "int" }]]);
    assert.deepEqual(through(schema, { v: { x: 1 } }), { v: { A: { x: 1 } } });
    assert.deepEqual(through(schema, { v: { y: 1 } }), { v: { B: { y: 1 } } });
    assert.deepEqual(through(schema, { v: { x: 1, y: 2 } }), { v: { map: { x: 1, y: 2 } } });
    assert.deepEqual(through(schema, { v: { map: { x: 1 } } }), { v: { map: { x: 1 } } });
  });

  it("takes the value of any union wrapped", () => {
    const schema = schemaOf(["v", ["null", "string", "long"]]);
    assert.deepEqual(through(schema, { v: { string: "5" } }), { v: "5" });
    assert.deepEqual(through(schema, { v: { long: 5 } }), { v: 5 });
    assert.deepEqual(through(schema, { v: { long: "-9007199254740992" } }), { v: -(2n ** 53n) });
    assert.throws(() => schema.fromJson({ v: { string: 5 } }), { path: "v" });
  });

  const wrong: [string, unknown, RegExp][] = [
    ["a text", "x", /^expected record r, got/],
    ["null", null, /expected record r, got null/],
    ["a list", [{ a: 1 }], /expected record r/],
    ["a field of another type", { a: "one" }, /^a: expected int/],
    ["a missing field", {}, /a: missing, expected int/],
    ["a fraction for an int", { a: 1.5 }, /a: expected int/],
  ];
  for (const [name, json, message] of wrong) {
    it(`refuses ${name}, and names the field`, () => {
      assert.throws(() => schemaOf(["a", "int"]).fromJson(json), (error) => {
        assert.ok(error instanceof DecodeError);
        assert.match(error.message, message);
        return true;
      });
    });
  }

  it("is bounded where the schema contains itself", () => {
    const schema = schemaOf(["next", ["null", "r"]]);
    let json: unknown = null;
    for (let i = 0; i < 5000; i++) json = { next: json };
    assert.throws(() => schema.fromJson(json), DecodeError);
  });
});

describe("fromJson() with extra: refuse", () => {
  it("names a field that the schema lacks, wherever it is", () => {
    const schema = new AvroCodec().parse({
      type: "record",
      name: "R",
      fields: [{
        name: "list",
        type: {
          type: "array",
          items: { type: "record", name: "I", fields: [{ name: "n", type: "int" }] },
        },
      }],
    });
    const json = { list: [{ n: 1 }, { n: 2, m: 3 }] };
    assert.deepEqual(schema.fromJson(json), { list: [{ n: 1 }, { n: 2 }] });
    assert.throws(
      () => schema.fromJson(json, { extra: "refuse" }),
      (error: DecodeError) =>
        error.path?.startsWith("list[1]") === true && /"?m"?/.test(error.message),
    );
    assert.throws(() => schema.fromJson({ list: [{ n: "x" }] }), {
      name: "DecodeError",
      path: "list[0].n",
    });
  });
});

describe("RecordReader.decodeEach()", () => {
  const schema = new AvroCodec().parse({
    type: "record",
    name: "R",
    fields: [{ name: "f", type: "string" }],
  });
  const bytes = new Uint8Array([...schema.encode({ f: "a" }), ...schema.encode({ f: "bc" })]);

  it("reads records that follow one another", () => {
    assert.deepEqual([...schema.decodeEach(bytes, 2)], [{ f: "a" }, { f: "bc" }]);
    assert.deepEqual([...schema.decodeEach(new Uint8Array(), 0)], []);
  });

  it("throws where there are fewer or more", () => {
    assert.throws(() => [...schema.decodeEach(bytes, 1)], DecodeError);
    assert.throws(() => [...schema.decodeEach(bytes, 3)], DecodeError);
  });
});
