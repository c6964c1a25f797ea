import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { testSeed } from "../support/data/test_seed.ts";
import { type Random, randomRecord, seededRandom } from "../support/data/random_avro.ts";

const codec = new AvroCodec();
const SCHEMAS = 300;

/** Types whose values are easily taken for one another in JSON. Two of the same kind make a union write its values wrapped. */
const LOOKALIKES: readonly { type: unknown; name: string; kind: string; values: unknown[] }[] = [
  { type: "null", name: "null", kind: "null", values: [null] },
  { type: "boolean", name: "boolean", kind: "boolean", values: [true, false] },
  { type: "int", name: "int", kind: "number", values: [0, 5, -(2 ** 31)] },
  {
    type: "long",
    name: "long",
    kind: "number",
    values: [5, 2 ** 40, -(2n ** 53n), 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)],
  },
  { type: "float", name: "float", kind: "number", values: [0.5, NaN, -Infinity, 5] },
  {
    type: "double",
    name: "double",
    kind: "number",
    values: [5, 0.1, NaN, Infinity, 2 ** 60, 1e300],
  },
  {
    type: "string",
    name: "string",
    kind: "text",
    values: ["", "A", "5", "NaN", "long", "9007199254740993", "日"],
  },
  {
    type: { type: "enum", name: "E", symbols: ["A", "B"] },
    name: "E",
    kind: "text",
    values: ["A"],
  },
  {
    type: "bytes",
    name: "bytes",
    kind: "bytes",
    values: [new Uint8Array(), Uint8Array.of(65), Uint8Array.of(255, 0)],
  },
  {
    type: { type: "fixed", name: "F", size: 1 },
    name: "F",
    kind: "bytes",
    values: [Uint8Array.of(65), Uint8Array.of(200)],
  },
  {
    type: { type: "array", items: ["string", "bytes"] },
    name: "array",
    kind: "array",
    values: [[], ["A"], [Uint8Array.of(65)]],
  },
  {
    type: { type: "map", values: ["string", "bytes"] },
    name: "map",
    kind: "object",
    values: [{}, { string: "x" }, { map: "x" }, { x: "1" }, { R1: Uint8Array.of(1) }],
  },
  {
    type: { type: "record", name: "R1", fields: [{ name: "x", type: ["string", "bytes"] }] },
    name: "R1",
    kind: "object",
    values: [{ x: "A" }, { x: Uint8Array.of(65) }],
  },
  {
    type: {
      type: "record",
      name: "R2",
      fields: [{ name: "x", type: "string" }, { name: "y", type: "int", default: 3 }],
    },
    name: "R2",
    kind: "object",
    values: [{ x: "A", y: 1 }],
  },
  {
    type: { type: "record", name: "R3", fields: [] },
    name: "R3",
    kind: "object",
    values: [{}],
  },
  {
    type: { type: "record", name: "R4", fields: [{ name: "string", type: ["null", "string"] }] },
    name: "R4",
    kind: "object",
    values: [{ string: null }, { string: "x" }],
  },
];

function sameBack(schema: ReturnType<typeof codec.parse>, record: unknown, where: string): void {
  const body = schema.encode(record);
  const text = JSON.stringify(schema.toJson(schema.decode(body)));
  for (const extra of ["drop", "refuse"] as const) {
    const back = schema.fromJson(JSON.parse(text), { extra });
    assert.deepEqual(schema.encode(back), body, `${where}: ${text}`);
  }
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(random() * left.length), 1)[0]!);
}

describe("JSON of records", () => {
  const seed = testSeed();

  it("is read back as the same record, whatever branches a union has", () => {
    for (let i = 0; i < SCHEMAS; i++) {
      const random = seededRandom(seed + i);
      const branches = shuffled(random, LOOKALIKES).slice(0, 2 + Math.floor(random() * 5));
      const schema = codec.parse({
        type: "record",
        name: "R",
        fields: [{ name: "u", type: branches.map(({ type }) => type) }],
      });
      const wrapped = new Set(branches.map(({ kind }) => kind)).size < branches.length;
      for (const { name, values } of branches) {
        for (const value of values) {
          const u = wrapped && value !== null ? { [name]: value } : value;
          sameBack(schema, { u }, `seed ${seed + i}, branch ${name}`);
        }
      }
    }
  });

  it("is read back as the same record, for random schemas", () => {
    for (let i = 0; i < SCHEMAS; i++) {
      const random = seededRandom(seed + i);
      const type = randomRecord(random, 4);
      const schema = codec.parse(type.json);
      for (let n = 0; n < 5; n++) sameBack(schema, type.make(random), `seed ${seed + i}`);
    }
  });

  it("is written in a time that does not double with each level of a recursive union", () => {
    const schema = codec.parse({
      type: "record",
      name: "A",
      fields: [{
        name: "next",
        type: [
          "null",
          "A",
          { type: "record", name: "B", fields: [{ name: "next", type: ["null", "B", "A"] }] },
        ],
      }],
    });
    let next: unknown = null;
    for (let i = 0; i < 500; i++) next = { [i % 2 === 0 ? "A" : "B"]: { next } };
    sameBack(schema, { next }, "two records in turn");
    let json: unknown = { nothing: 1 };
    for (let i = 0; i < 500; i++) json = { next: json };
    assert.throws(() => schema.fromJson(json, { extra: "refuse" }), { name: "DecodeError" });
  });
});
