import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { DecodeError, SchemaError } from "../../src/codec/codec.ts";

function record(...fields: unknown[]) {
  return new AvroCodec().parse({ type: "record", name: "R", fields });
}

/** Writes `value` with one type and reads it with another. */
function readAs(writer: unknown, value: unknown, reader: unknown): unknown {
  const written = record({ name: "v", type: writer });
  return record({ name: "v", type: reader }).readerFor(written).decode(written.encode({ v: value }))
    .v;
}

function refuses(writer: unknown, reader: unknown): void {
  assert.throws(
    () => record({ name: "v", type: reader }).readerFor(record({ name: "v", type: writer })),
    (error) => error instanceof SchemaError && error.message.includes("Cannot read records of"),
  );
}

const bytes = (text: string) => new TextEncoder().encode(text);
const nested = (...fields: unknown[]) => ({ type: "record", name: "In", fields });

describe("RecordSchema.readerFor()", () => {
  it("promotes numbers, strings and bytes as Avro allows", () => {
    assert.equal(readAs("int", 5, "long"), 5);
    assert.equal(readAs("int", 5, "float"), 5);
    assert.equal(readAs("int", 5, "double"), 5);
    assert.equal(readAs("long", 2 ** 40, "float"), 2 ** 40);
    assert.equal(readAs("long", -3, "double"), -3);
    assert.equal(readAs("long", 2n ** 60n, "double"), 2 ** 60);
    assert.equal(readAs("float", 1.5, "double"), 1.5);
    assert.equal(readAs("string", "é", "string"), "é");
    assert.deepEqual(readAs("string", "é", "bytes"), bytes("é"));
    assert.equal(readAs("bytes", bytes("é"), "string"), "é");
    assert.equal(readAs("long", 2n ** 60n, "long"), 2n ** 60n);
  });

  it("refuses what Avro does not promote", () => {
    for (
      const [writer, reader] of [
        ["long", "int"],
        ["double", "float"],
        ["string", "int"],
        ["int", "string"],
        ["null", "int"],
        [{ type: "array", items: "long" }, { type: "array", items: "int" }],
        [{ type: "map", values: "string" }, { type: "map", values: "int" }],
        [{ type: "fixed", name: "F", size: 1 }, { type: "fixed", name: "F", size: 2 }],
        [{ type: "enum", name: "E", symbols: ["A"] }, { type: "enum", name: "E", symbols: ["B"] }],
        [["null", "string"], "string"],
      ]
    ) refuses(writer, reader);
  });

  it("names the field that the writer lacks", () => {
    const reader = record({ name: "a", type: "int" }, { name: "missing", type: "int" });
    const writer = record({ name: "a", type: "int" });
    assert.throws(() => reader.readerFor(writer), /missing/);
  });

  it("fills missing fields with defaults, fresh for each record, in the form of decoded values", () => {
    const reader = record(
      { name: "a", type: "int" },
      { name: "list", type: { type: "array", items: "int" }, default: [1] },
      { name: "bytes", type: "bytes", default: "\u00ff" },
      { name: "either", type: ["int", "long"], default: 3 },
      { name: "inner", type: nested({ name: "x", type: "int", default: 7 }), default: {} },
    ).readerFor(record({ name: "a", type: "int" }));
    const expected = {
      a: 1,
      list: [1],
      bytes: new Uint8Array([255]),
      either: { int: 3 },
      inner: { x: 7 },
    };
    const first = reader.decode(Uint8Array.of(2));
    assert.deepStrictEqual(first, expected);
    (first.list as number[]).push(2);
    assert.deepStrictEqual(reader.decode(Uint8Array.of(2)), expected);
  });

  it("skips fields that the reader lacks, of every type", () => {
    const types = [
      "null",
      "boolean",
      "int",
      "long",
      "float",
      "double",
      "bytes",
      "string",
      { type: "fixed", name: "F", size: 2 },
      { type: "enum", name: "E", symbols: ["A"] },
      { type: "array", items: "string" },
      { type: "map", values: "int" },
      ["null", "int"],
      ["int", "long"],
      nested({ name: "x", type: "string" }),
    ];
    const values = [
      null,
      true,
      -5,
      2 ** 50,
      1.5,
      2.5,
      bytes("x"),
      "text",
      new Uint8Array(2),
      "A",
      ["a", "b"],
      { a: 1 },
      5,
      { long: 5 },
      { x: "deep" },
    ];
    const writer = record(
      ...types.map((type, i) => ({ name: `f${i}`, type })),
      { name: "last", type: "int" },
    );
    const body = writer.encode({
      ...Object.fromEntries(values.map((value, i) => [`f${i}`, value])),
      last: 42,
    });
    const reader = record({ name: "last", type: "int" }).readerFor(writer);
    assert.deepEqual(reader.decode(body), { last: 42 });
    assert.throws(() => reader.decode(body.slice(0, -1)), DecodeError);
  });

  it("reorders fields and follows aliases", () => {
    const writer = record({ name: "a", type: "int" }, { name: "old", type: "string" });
    const reader = record(
      { name: "renamed", type: "string", aliases: ["old"] },
      { name: "a", type: "long" },
    ).readerFor(writer);
    assert.deepEqual(reader.decode(writer.encode({ a: 1, old: "x" })), { renamed: "x", a: 1 });
  });

  it("matches names without their namespace", () => {
    const make = (namespace: string) =>
      new AvroCodec().parse({
        type: "record",
        name: "R",
        namespace,
        fields: [{ name: "e", type: { type: "enum", name: "E", symbols: ["A"] } }],
      });
    const writer = make("old.place");
    assert.deepEqual(make("new.place").readerFor(writer).decode(writer.encode({ e: "A" })), {
      e: "A",
    });
  });

  it("puts a plain value into a union, and prefers the same type to a promoted one", () => {
    assert.equal(readAs("string", "x", ["null", "string"]), "x");
    assert.equal(readAs("int", 5, ["null", "long"]), 5);
    assert.deepEqual(readAs("long", 5, ["double", "long"]), { long: 5 });
    assert.deepEqual(readAs(["double", "long"], { long: 5 }, ["double", "long"]), { long: 5 });
    assert.equal(readAs(["null", "int"], null, ["int", "null"]), null);
    assert.equal(readAs(["int"], 5, "long"), 5);
  });

  it("does not take a record for another that failed before", () => {
    const a = { type: "record", name: "A", fields: [{ name: "x", type: "int" }] };
    const b = { type: "record", name: "B", fields: [{ name: "y", type: "string" }] };
    const schema = () =>
      record({ name: "one", type: ["null", a, b] }, { name: "two", type: ["null", "A", "B"] });
    const writer = schema();
    const value = { one: { B: { y: "1" } }, two: { B: { y: "2" } } };
    assert.deepStrictEqual(schema().readerFor(writer).decode(writer.encode(value)), value);
  });

  it("reads an unknown enum symbol as the reader's default", () => {
    const writer = { type: "enum", name: "E", symbols: ["A", "NEW"] };
    const reader = { type: "enum", name: "E", symbols: ["A", "OTHER"], default: "OTHER" };
    assert.equal(readAs(writer, "NEW", reader), "OTHER");
    assert.equal(readAs(writer, "A", reader), "A");
  });

  it("reads recursive records", () => {
    const make = (type: string) =>
      new AvroCodec().parse({
        type: "record",
        name: "List",
        fields: [{ name: "v", type }, { name: "next", type: ["null", "List"], default: null }],
      });
    const writer = make("int");
    const list = { v: 1, next: { v: 2, next: null } };
    assert.deepStrictEqual(make("long").readerFor(writer).decode(writer.encode(list)), list);
  });
});
