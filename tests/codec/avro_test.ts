import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { DecodeError, type RecordSchema } from "../../src/codec/codec.ts";

const codec = new AvroCodec();

/** A record with one field `v` of the given type. */
function schemaOf(type: unknown, more: object = {}): RecordSchema {
  return codec.parse({ type: "record", name: "R", fields: [{ name: "v", type, ...more }] });
}

function roundTrip(type: unknown, v: unknown): unknown {
  const schema = schemaOf(type);
  return schema.decode(schema.encode({ v })).v;
}

const CASES: [unknown, unknown[]][] = [
  ["null", [null]],
  ["boolean", [true, false]],
  ["int", [0, 1, -1, 63, -64, 64, 2 ** 31 - 1, -(2 ** 31)]],
  ["long", [
    0,
    -1,
    2 ** 31,
    2 ** 40,
    -(2 ** 52),
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    2n ** 53n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ]],
  ["float", [0, 1.5, -0, Infinity, -Infinity, NaN]],
  ["double", [0, Math.PI, -0, 5e-324, Number.MAX_VALUE, NaN, Infinity]],
  ["string", [
    "",
    "foo",
    "é".repeat(20),
    "€".repeat(63),
    "😀".repeat(16),
    "x".repeat(47),
    "x".repeat(48),
    "x".repeat(63),
    "x".repeat(64),
    "x".repeat(95),
    "x".repeat(96),
    "x".repeat(94) + "é",
    "x".repeat(8191),
    "x".repeat(8192),
    "é".repeat(5000),
    "é".repeat(32 * 1024),
    "€".repeat(32 * 1024 + 1),
    "x".repeat(40_000) + "é",
    "é" + "x".repeat(40_000) + "😀" + "x".repeat(40_000),
    "x".repeat((1 << 20) - 5) + "€€€",
    "x".repeat((1 << 20) - 1),
    "x".repeat(1 << 20),
    "x".repeat(600_000),
    "€".repeat(400_000),
    "日".repeat(400_000),
    "\u0000",
  ]],
  ["bytes", [new Uint8Array(0), new Uint8Array([0, 255, 128]), new Uint8Array(100_000).fill(7)]],
  [{ type: "fixed", name: "F", size: 3 }, [new Uint8Array([1, 2, 3])]],
  [{ type: "enum", name: "E", symbols: ["A", "B", "C"] }, ["A", "B", "C"]],
  [{ type: "array", items: "long" }, [
    [],
    [1],
    [1, 2n ** 60n, 3],
    Array.from({ length: 5000 }, (_, i) => i),
  ]],
  [{ type: "array", items: "null" }, [[], [null, null], Array(2000).fill(null)]],
  [{ type: "map", values: "string" }, [{}, { a: "1", "": "2", constructor: "3", "7": "4" }]],
  [["null", "string"], [null, "x"]],
  [["null", "int", "string", "bytes", "boolean", { type: "array", items: "int" }], [
    null,
    5,
    "x",
    new Uint8Array([1]),
    true,
    [1],
  ]],
  [["int", "long", "null"], [{ int: 1 }, { long: 2 ** 40 }, { long: 2n ** 60n }, null]],
  [["bytes", { type: "fixed", name: "F", size: 1, namespace: "n" }], [
    { bytes: new Uint8Array(2) },
    { "n.F": new Uint8Array(1) },
  ]],
  [{ type: "record", name: "In", fields: [{ name: "toString", type: "int" }] }, [{ toString: 3 }]],
  [{ type: "record", name: "Empty", fields: [] }, [{}]],
];

describe("AvroCodec", () => {
  for (const [type, values] of CASES) {
    it(`encode() and decode() give back every ${JSON.stringify(type).slice(0, 70)}`, () => {
      for (const value of values) assert.deepEqual(roundTrip(type, value), value);
    });
  }

  it("decode() gives plain objects", () => {
    const schema = schemaOf({ type: "map", values: ["int", "long"] });
    const record = schema.decode(schema.encode({ v: { a: { long: 1 } } }));
    assert.deepStrictEqual(record, { v: { a: { long: 1 } } });
    assert.equal(Object.getPrototypeOf(record), Object.prototype);
  });

  it("decode() keeps a map key __proto__ as a key", () => {
    const map = Object.defineProperty({}, "__proto__", { value: { x: 1 }, enumerable: true });
    const type = { type: "map", values: { type: "map", values: "int" } };
    const read = roundTrip(type, map) as object;
    assert.deepEqual(Object.keys(read), ["__proto__"]);
    assert.equal(Object.getPrototypeOf(read), Object.prototype);
  });

  it("encode() gives memory of its own", () => {
    const schema = schemaOf("string");
    const first = schema.encode({ v: "first" });
    const copy = first.slice();
    for (let i = 0; i < 100; i++) schema.encode({ v: "other" + i });
    assert.deepEqual(first, copy);
  });

  it("decode() gives bytes of their own", () => {
    const schema = schemaOf("bytes");
    const body = schema.encode({ v: new Uint8Array([1, 2, 3]) });
    const { v } = schema.decode(body);
    body.fill(0);
    assert.deepEqual(v, new Uint8Array([1, 2, 3]));
  });

  it("decode() refuses a message with bytes after the record", () => {
    const schema = schemaOf("int");
    assert.throws(() => schema.decode(new Uint8Array([2, 0])), DecodeError);
  });

  it("encode() writes valid UTF-8 for half a surrogate pair", () => {
    for (const text of ["\ud800", "x".repeat(100) + "\udc00"]) {
      assert.equal(roundTrip("string", text), text.toWellFormed());
    }
  });

  it("encode() writes small texts whole wherever the memory for messages ends", () => {
    const schema = schemaOf("string");
    for (const text of ["", "x", "é", "€", "😀", "éé"]) {
      const encoded = Array.from({ length: 20_000 }, () => schema.encode({ v: text }));
      const wrong = encoded.findIndex((bytes) => schema.decode(bytes).v !== text);
      assert.equal(wrong, -1, text);
    }
  });

  it("decode() reads long text as it reads short: a byte order mark is text, and what is not UTF-8 is refused", () => {
    const schema = schemaOf("string");
    for (const odd of ["\ufeff", "é", "😀", "\ufffd"]) {
      for (const [before, behind] of [["", "x".repeat(1000)], ["x".repeat(1000), ""]]) {
        const text = before + odd + behind;
        assert.equal(roundTrip("string", text), text);
      }
    }
    const ascii = new Uint8Array(1000).fill(0x78);
    for (const wrong of [[0xff], [0xe2, 0x82]]) {
      const short = new Uint8Array([2 * wrong.length, ...wrong]);
      assert.throws(() => schema.decode(short), refused(0));
      const size = 2 * (ascii.length + wrong.length);
      const long = new Uint8Array([(size & 0x7f) | 0x80, size >> 7, ...ascii, ...wrong]);
      assert.throws(() => schema.decode(long), refused(1000));
    }

    function refused(at: number): object {
      const message = new RegExp(`: string is not UTF-8 at its byte ${at}, counted from 0$`);
      return { name: "DecodeError", message };
    }
  });

  it("encode() keeps small and large records apart", () => {
    const schema = schemaOf("string");
    const texts = Array.from(
      { length: 400 },
      (_, i) => String(i % 10).repeat(i % 40 === 39 ? 900_000 : i * i % 40_000),
    );
    const bodies = texts.map((v) => schema.encode({ v }));
    assert.deepEqual(bodies.map((body) => schema.decode(body).v), texts);
  });
});
