import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";

const codec = new AvroCodec();
/** Names that every object inherits; Avro allows them. */
const NAMES = Object.getOwnPropertyNames(Object.prototype).filter((name) => name !== "__proto__");

function record(...fields: unknown[]) {
  return codec.parse({ type: "record", name: "R", fields });
}

describe("AvroCodec and names that every object inherits", () => {
  for (const name of NAMES) {
    it(`readerFor() skips a field "${name}" that the reader lacks`, () => {
      const writer = record({ name, type: "int" }, { name: "a", type: "string" });
      const reader = record({ name: "a", type: "string" }).readerFor(writer);
      assert.deepEqual(reader.decode(writer.encode({ [name]: 5, a: "WXYZ" })), { a: "WXYZ" });
    });

    it(`readerFor() resolves a field "${name}" and fills in its default`, () => {
      const writer = record({ name, type: "int" });
      const wider = record({ name, type: "long" }).readerFor(writer);
      assert.deepEqual(wider.decode(writer.encode({ [name]: 5 })), { [name]: 5 });
      const other = record({ name: "a", type: "int" });
      const defaulted = record({ name, type: "int", default: 7 }).readerFor(other);
      assert.deepEqual(defaulted.decode(other.encode({ a: 1 })), { [name]: 7 });
      assert.throws(() => record({ name, type: "int" }).readerFor(other), new RegExp(name));
    });

    it(`readerFor() follows an alias "${name}"`, () => {
      const writer = record({ name, type: "int" });
      const reader = record({ name: "a", type: "int", aliases: [name] }).readerFor(writer);
      assert.deepEqual(reader.decode(writer.encode({ [name]: 5 })), { a: 5 });
    });

    it(`a default of a record may have or lack its field "${name}"`, () => {
      const inner = (default_: object) => ({
        name: "o",
        type: { type: "record", name: "I", fields: [{ name, type: "int", default: 1 }] },
        default: default_,
      });
      const list = { name: "l", type: { type: "array", items: "R" } };
      for (const [given, expected] of [[{ [name]: 0 }, 0], [{}, 1]] as const) {
        const schema = record(list, inner(given));
        assert.deepEqual(schema.decode(schema.encode({ l: [] })), {
          l: [],
          o: { [name]: expected },
        });
      }
    });

    it(`a record, an enum, a fixed and a symbol may be called "${name}"`, () => {
      const types = [
        { type: "record", name, fields: [{ name, type: "int" }] },
        { type: "enum", name, symbols: ["A", name] },
        { type: "fixed", name, size: 1 },
      ];
      const values = [{ [name]: 1 }, name, Uint8Array.of(9)];
      types.forEach((type, i) => {
        const schema = record({ name: "v", type }, { name: "u", type: ["null", name, "string"] });
        // An enum and a string are told apart by name.
        const u = type.type === "enum" ? { [name]: values[i] } : values[i];
        const value = { v: values[i], u };
        const body = schema.encode(value);
        assert.deepEqual(schema.decode(body), value);
        assert.deepEqual(codec.parse(schema.text).readerFor(schema).decode(body), value);
        assert.deepEqual(schema.fromJson(schema.toJson(value)), value);
      });
    });
  }

  it("encode() takes no inherited member for a symbol, a branch or a field", () => {
    const schemas: [unknown, unknown][] = [
      [{ type: "enum", name: "E", symbols: ["A"] }, "constructor"],
      [["int", "long"], { constructor: 1 }],
      [["int", "long"], { toString: 1 }],
      [["null", "int"], "valueOf"],
    ];
    for (const [type, v] of schemas) {
      assert.throws(() => record({ name: "v", type }).encode({ v }), { name: "RecordError" });
    }
    assert.throws(() => record({ name: "valueOf", type: "int" }).encode({}), {
      name: "RecordError",
      path: "valueOf",
    });
  });

  it("keeps them as keys of a map, also __proto__, through bytes, resolution and JSON", () => {
    const writer = record({ name: "m", type: { type: "map", values: "int" } });
    const reader = record({ name: "m", type: { type: "map", values: "long" } }).readerFor(writer);
    const keys = [...NAMES, "__proto__"];
    const m = Object.fromEntries(keys.map((key, i) => [key, i]));
    const body = writer.encode({ m });
    for (const read of [writer.decode(body), reader.decode(body)]) {
      assert.deepEqual(Object.entries(read.m as object), Object.entries(m));
    }
    const json = JSON.parse(JSON.stringify(writer.toJson({ m })));
    assert.deepEqual(writer.encode(writer.fromJson(json)), body);
  });
});
