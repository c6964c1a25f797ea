import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AvroCodec } from "../../src/codec/avro.ts";
import { DecodeError } from "../../src/codec/codec.ts";

const codec = new AvroCodec();

function record(type: unknown) {
  return codec.parse({ type: "record", name: "R", fields: [{ name: "f", type }] });
}

/** What is encoded of a JSON value. */
function read(type: unknown, json: unknown): unknown {
  const schema = record(type);
  return schema.decode(schema.encode(schema.fromJson({ f: json }))).f;
}

describe("RecordSchema.fromJson()", () => {
  it("gives back what toJson() made a text or a number of", () => {
    const cases: [unknown, unknown][] = [
      ["bytes", new Uint8Array([0, 65, 255])],
      [{ type: "fixed", name: "F", size: 2 }, new Uint8Array([200, 7])],
      ["long", 2n ** 60n],
      ["long", -(2n ** 63n)],
      ["long", 7],
      ["double", 1.5],
      [["null", "bytes"], new Uint8Array([9])],
      [["null", "bytes"], null],
      [["null", "long"], 2n ** 55n],
      [{ type: "array", items: "bytes" }, [new Uint8Array([1]), new Uint8Array()]],
      [{ type: "map", values: ["null", "long"] }, { a: 2n ** 54n, b: null }],
      [{ type: "enum", name: "E", symbols: ["X", "Y"] }, "Y"],
    ];
    for (const [type, value] of cases) {
      const schema = record(type);
      const json = schema.toJson({ f: value });
      const again = schema.fromJson(JSON.parse(JSON.stringify(json)));
      assert.deepEqual(schema.decode(schema.encode(again)).f, value, JSON.stringify(type));
    }
  });

  it("takes a text for text where a union has both text and bytes", () => {
    assert.equal(read(["bytes", "string"], "abc"), "abc");
    assert.equal(read(["long", "string"], "12"), "12");
  });

  it("finds the branch of an ambiguous union by its name, else the first of its kind", () => {
    assert.deepEqual(read(["int", "long"], { long: "1152921504606846976" }), { long: 2n ** 60n });
    assert.deepEqual(read(["int", "long"], 5), { int: 5 });
  });

  it("leaves what does not fit for encode() to name", () => {
    const schema = record("bytes");
    for (const json of [{ f: "€" }, { f: 7 }, { f: "a", g: 1 }, [], null, "text"]) {
      assert.throws(() => schema.encode(schema.fromJson(json)), { name: "RecordError" });
    }
    const recursive = codec.parse({
      type: "record",
      name: "Tree",
      fields: [{ name: "next", type: ["null", "Tree"] }],
    });
    let deep: unknown = null;
    for (let i = 0; i < 5_000; i++) deep = { next: deep };
    assert.throws(() => recursive.encode(recursive.fromJson(deep)), { name: "RecordError" });
  });

  it("sets no prototype, whatever a field or a key is called", () => {
    const json = JSON.parse('{"f": {"__proto__": "x"}}');
    const schema = record({ type: "map", values: "string" });
    const map = (schema.fromJson(json) as { f: object }).f;
    assert.deepEqual(Object.keys(map), ["__proto__"]);
    assert.equal(Object.getPrototypeOf(map), Object.prototype);
  });
});

describe("RecordReader.decodeAll()", () => {
  const schema = record("string");
  const bytes = new Uint8Array([...schema.encode({ f: "a" }), ...schema.encode({ f: "bc" })]);

  it("reads so many records one after the other", () => {
    assert.deepEqual(schema.decodeAll(bytes, 2), [{ f: "a" }, { f: "bc" }]);
    assert.deepEqual(schema.decodeAll(new Uint8Array(), 0), []);
  });

  it("throws where there are fewer or more", () => {
    assert.throws(() => schema.decodeAll(bytes, 1), DecodeError);
    assert.throws(() => schema.decodeAll(bytes, 3), DecodeError);
  });
});
