import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { SchemaError } from "../../src/codec/codec.ts";

const codec = new AvroCodec();

function record(...fields: unknown[]) {
  return { type: "record", name: "R", namespace: "n", fields };
}

/** What is wrong, and what the error says about it. */
const MISTAKES: [string, unknown, string][] = [
  ["JSON that is none", "{bad", "schema: not valid JSON at 1:2: not a JSON token"],
  [
    "an error in line 3",
    '{\n "type":\n  record}',
    "schema: not valid JSON at 3:3: not a JSON token",
  ],
  [
    "a comma too many",
    '{"a": 1,}',
    "schema: not valid JSON at 1:9: expected a key in double quotes",
  ],
  ["a missing bracket", '{"a": [1, 2', "schema: not valid JSON at 1:12: it ends too early"],
  ["text after the end", '"int" x', "schema: not valid JSON at 1:7: text after the end"],
  ["an empty text", "", "schema: not valid JSON at 1:1: it ends too early"],
  ["undefined", undefined, "schema: expected JSON, got undefined"],
  ["null", null, "schema: expected a type, got null"],
  ["a type that is no record", '"int"', "schema: expected a record, got int; wrap it in a record"],
  ["no name", { type: "record", fields: [] }, "schema: record needs a name"],
  ["no fields", { type: "record", name: "R" }, 'schema: record "R" needs a list of fields'],
  ["no type", { name: "R" }, "schema: a type needs the key type"],
  [
    "a misspelt type",
    record({ name: "a", type: "strin" }),
    'schema fields[0].type: unknown type "strin"; did you mean "string"?',
  ],
  [
    "a misspelt type deep inside",
    record({ name: "a", type: "int" }, {
      name: "b",
      type: ["null", { type: "array", items: { type: "map", values: "lnog" } }],
    }),
    'schema fields[1].type[1].items.values: unknown type "lnog"; did you mean "long"?',
  ],
  ["a field without type", record({ name: "a" }), 'schema fields[0]: field "a" needs a type'],
  [
    "a field twice",
    record({ name: "a", type: "int" }, { name: "a", type: "int" }),
    'schema fields[1]: record "n.R" has two fields "a"',
  ],
  [
    "a bad field name",
    record({ name: "a-b", type: "int" }),
    'schema fields[0]: field name "a-b" is not valid; use letters, digits and _, not beginning with a digit',
  ],
  [
    "a name defined twice",
    record({ name: "a", type: { type: "fixed", name: "R", size: 1 } }),
    'schema fields[0].type: the name "n.R" is defined twice',
  ],
  [
    "a union branch twice",
    record({ name: "a", type: ["int", "string", "int"] }),
    'schema fields[0].type[2]: the union has two branches "int"',
  ],
  [
    "a union in a union",
    record({ name: "a", type: ["int", ["string"]] }),
    "schema fields[0].type[1]: a union cannot hold a union directly",
  ],
  [
    "an empty union",
    record({ name: "a", type: [] }),
    "schema fields[0].type: a union needs at least one branch",
  ],
  [
    "an enum symbol twice",
    record({ name: "a", type: { type: "enum", name: "E", symbols: ["A", "A"] } }),
    'schema fields[0].type.symbols: enum "n.E" has two symbols "A"',
  ],
  [
    "an enum default that is no symbol",
    record({ name: "a", type: { type: "enum", name: "E", symbols: ["A"], default: "B" } }),
    'schema fields[0].type: default "B" is not a symbol of enum "n.E"',
  ],
  [
    "a fixed without size",
    record({ name: "a", type: { type: "fixed", name: "F", size: -1 } }),
    'schema fields[0].type: size of fixed "n.F" must be an integer from 0 to 16777216',
  ],
  [
    "a wrong default",
    record({ name: "a", type: "int", default: "5" }),
    'schema fields[0].default: "5" is not an int',
  ],
  [
    "a wrong default inside",
    record({ name: "a", type: { type: "array", items: "int" }, default: [1, null] }),
    "schema fields[0].default[1]: null is not an int",
  ],
  [
    "a union default that is not of the first branch",
    record({ name: "a", type: ["string", "null"], default: null }),
    "schema fields[0].default: null is not a string, the first branch of the union",
  ],
  [
    "a bad order",
    record({ name: "a", type: "int", order: "up" }),
    'schema fields[0]: order "up" is none of ascending, descending, ignore',
  ],
];

describe("AvroCodec.parse()", () => {
  for (const [what, schema, message] of MISTAKES) {
    it(`refuses ${what}, naming the place`, () => {
      assert.throws(() => codec.parse(schema), (error) => {
        assert.ok(error instanceof SchemaError, String(error));
        assert.equal(error.message, message);
        return true;
      });
    });
  }

  it("reads text and JSON alike, and keeps the text", () => {
    const json = record({ name: "a", type: "int", doc: "x" });
    const fromText = codec.parse(JSON.stringify(json, null, 2));
    const fromJson = codec.parse(json);
    assert.equal(fromText.text, fromJson.text);
    assert.deepEqual(JSON.parse(fromText.text), json);
    assert.equal(fromText.name, "n.R");
    assert.equal(codec.parse(fromText.text).fingerprint, fromText.fingerprint);
  });

  it("tells the fields and their types in order", () => {
    const schema = codec.parse(record(
      { name: "z", type: "string" },
      { name: "a", type: { type: "long", logicalType: "timestamp-millis" } },
      { name: "u", type: ["null", "string"] },
      { name: "r", type: { type: "record", name: "In", fields: [] } },
    ));
    assert.deepEqual([...schema.fields], [
      ["z", "string"],
      ["a", "long"],
      ["u", "union"],
      ["r", "record"],
    ]);
  });

  it("resolves names in and out of namespaces", () => {
    const schema = codec.parse({
      type: "record",
      name: "a.b.Outer",
      fields: [
        { name: "f", type: { type: "fixed", name: "F", size: 1 } },
        { name: "g", type: { type: "fixed", name: "G", namespace: "", size: 2 } },
        { name: "f2", type: "F" },
        { name: "f3", type: "a.b.F" },
        { name: "g2", type: "G" },
        { name: "both", type: ["F", "G"] },
      ],
    });
    const one = new Uint8Array(1);
    const two = new Uint8Array(2);
    const record = { f: one, g: two, f2: one, f3: one, g2: two, both: { G: two } };
    assert.deepEqual(schema.decode(schema.encode(record)), record);
    assert.ok(schema.encode({ ...record, both: { "a.b.F": one } }));
  });

  it("is not changed by changing the JSON afterwards", () => {
    const json = record({ name: "a", type: "int" });
    const schema = codec.parse(json);
    json.fields.length = 0;
    assert.deepEqual(schema.decode(schema.encode({ a: 1 })), { a: 1 });
  });
});
