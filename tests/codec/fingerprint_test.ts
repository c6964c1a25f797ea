import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { canonicalForm, fingerprint } from "../../src/codec/schema/fingerprint.ts";
import { parseSchema } from "../../src/codec/avro/parse_schema.ts";

/** Schema, its canonical form, and the fingerprint as a signed number: the cases of Apache Avro's interoperability tests. */
const CASES: [unknown, string, bigint][] = [
  ["null", '"null"', 7195948357588979594n],
  [{ type: "boolean" }, '"boolean"', -6970731678124411036n],
  ["int", '"int"', 8247732601305521295n],
  ["long", '"long"', -3434872931120570953n],
  ["float", '"float"', 5583340709985441680n],
  ["double", '"double"', -8181574048448539266n],
  ["bytes", '"bytes"', 5746618253357095269n],
  [{ type: "string" }, '"string"', -8142146995180207161n],
  [["int"], '["int"]', -5232228896498058493n],
  [["int", { type: "boolean" }], '["int","boolean"]', 5392556393470105090n],
  [
    { fields: [], type: "record", name: "foo", doc: "foo", aliases: ["foo", "bar"] },
    '{"name":"foo","type":"record","fields":[]}',
    -4824392279771201922n,
  ],
  [
    { fields: [], type: "record", name: "foo", namespace: "x.y" },
    '{"name":"x.y.foo","type":"record","fields":[]}',
    5916914534497305771n,
  ],
  [
    { fields: [], type: "record", name: "a.b.foo", namespace: "x.y" },
    '{"name":"a.b.foo","type":"record","fields":[]}',
    -4616218487480524110n,
  ],
  [
    {
      fields: [{ type: "boolean", aliases: [], name: "f1", default: true }, {
        order: "descending",
        name: "f2",
        doc: "Hello",
        type: "int",
      }],
      type: "record",
      name: "foo",
    },
    '{"name":"foo","type":"record","fields":[{"name":"f1","type":"boolean"},{"name":"f2","type":"int"}]}',
    -4860222112080293046n,
  ],
  [
    { namespace: "x.y.z", type: "enum", name: "foo", doc: "foo bar", symbols: ["A1", "A2"] },
    '{"name":"x.y.z.foo","type":"enum","symbols":["A1","A2"]}',
    -4448647247586288245n,
  ],
  [
    { namespace: "x.y.z", type: "fixed", name: "foo", doc: "foo bar", size: 32 },
    '{"name":"x.y.z.foo","type":"fixed","size":32}',
    -3064184465700546786n,
  ],
  [
    { items: { type: "null" }, type: "array" },
    '{"type":"array","items":"null"}',
    -589620603366471059n,
  ],
  [
    { values: "string", type: "map" },
    '{"type":"map","values":"string"}',
    -8732877298790414990n,
  ],
  [
    {
      name: "PigValue",
      type: "record",
      fields: [{ name: "value", type: ["null", "int", "long", "PigValue"] }],
    },
    '{"name":"PigValue","type":"record","fields":[{"name":"value","type":["null","int","long","PigValue"]}]}',
    -1759257747318642341n,
  ],
];

describe("fingerprint", () => {
  for (const [schema, canonical, signed] of CASES) {
    it(`of ${canonical} is the one of Apache Avro`, () => {
      const form = canonicalForm(parseSchema(schema));
      assert.equal(form, canonical);
      assert.equal(BigInt.asIntN(64, BigInt(`0x${fingerprint(form)}`)), signed);
    });
  }

  it("has 16 digits and is the same for schemas that differ in documentation only", () => {
    const codec = new AvroCodec();
    const plain = codec.parse({ type: "record", name: "foo", fields: [] });
    const documented = codec.parse('{"fields":[], "doc":"x", "name":"foo", "type":"record"}');
    assert.equal(documented.fingerprint, plain.fingerprint);
    assert.equal(plain.fingerprint, BigInt.asUintN(64, -4824392279771201922n).toString(16));
    assert.match(plain.fingerprint, /^[0-9a-f]{16}$/);
  });
});

describe("the encodings printed in the Avro specification", () => {
  const codec = new AvroCodec();
  const bytesOf = (type: unknown, value: unknown) =>
    Array.from(
      codec.parse({ type: "record", name: "R", fields: [{ name: "v", type }] })
        .encode({ v: value }),
      (byte) => byte.toString(16).padStart(2, "0"),
    ).join(" ");

  for (const type of ["int", "long"]) {
    it(`${type}: zig-zag`, () => {
      const table: [number, string][] = [
        [0, "00"],
        [-1, "01"],
        [1, "02"],
        [-2, "03"],
        [2, "04"],
        [-64, "7f"],
        [64, "80 01"],
      ];
      for (const [value, bytes] of table) assert.equal(bytesOf(type, value), bytes);
    });
  }

  it("string, record, array, map and union", () => {
    assert.equal(bytesOf("string", "foo"), "06 66 6f 6f");
    const test = {
      type: "record",
      name: "test",
      fields: [{ name: "a", type: "long" }, { name: "b", type: "string" }],
    };
    assert.equal(bytesOf(test, { a: 27, b: "foo" }), "36 06 66 6f 6f");
    assert.equal(bytesOf({ type: "array", items: "long" }, [3, 27]), "04 06 36 00");
    assert.equal(bytesOf({ type: "map", values: "long" }, { a: 1 }), "02 02 61 02 00");
    assert.equal(bytesOf(["null", "string"], null), "00");
    assert.equal(bytesOf(["null", "string"], "a"), "02 02 61");
  });

  it("arrays and maps in blocks with sizes are read", () => {
    const schema = codec.parse({
      type: "record",
      name: "R",
      fields: [
        { name: "a", type: { type: "array", items: "long" } },
        { name: "m", type: { type: "map", values: "long" } },
      ],
    });
    const array = [0x03, 0x04, 0x06, 0x36, 0x02, 0x08, 0x00];
    const map = [0x01, 0x06, 0x02, 0x61, 0x02, 0x00];
    assert.deepEqual(schema.decode(Uint8Array.from([...array, ...map])), {
      a: [3, 27, 4],
      m: { a: 1 },
    });
  });
});
