import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import avsc from "avsc";
import { AvroCodec } from "../../src/codec/avro.ts";
import { DecodeError, type RecordReader, type RecordSchema } from "../../src/codec/codec.ts";
import { pick, type Random, randomBytes, randomRecord, seededRandom } from "./random_avro.ts";

const SCHEMAS = 150;
const MUTATED_SCHEMAS = 8;
const MUTATIONS = 3000;
const SLOWEST_MS = 100;

const NAMED = {
  s3list: {
    json: {
      type: "record",
      name: "s3list",
      namespace: "tech.athea.kosmos",
      fields: [
        { name: "url", type: "string" },
        { name: "lastModifiedUnixMilli", type: "long" },
        { name: "bucket", type: "string" },
        { name: "key", type: "string" },
      ],
    },
    record: {
      url: "s3a://docs/a/b.txt",
      lastModifiedUnixMilli: 1_790_000_000_000,
      bucket: "docs",
      key: "a/b.txt",
    },
  },
  tree: {
    json: {
      type: "record",
      name: "Tree",
      fields: [
        { name: "children", type: { type: "array", items: "Tree" } },
        { name: "byName", type: { type: "map", values: ["null", "Tree"] } },
        { name: "nulls", type: { type: "array", items: "null" } },
      ],
    },
    record: {
      children: [{ children: [], byName: {}, nulls: [null, null] }],
      byName: { a: null, b: { children: [], byName: {}, nulls: [] } },
      nulls: [],
    },
  },
};

function plainAvsc(json: unknown): avsc.Type {
  return avsc.Type.forSchema(JSON.parse(JSON.stringify(json)));
}

/** avsc takes Buffers only. */
function withBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(withBuffers);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withBuffers(one)]));
}

describe("AvroCodec on random schemas", () => {
  it("encode() makes the bytes that plain avsc makes, and decode() gives the record back", () => {
    for (let seed = 0; seed < SCHEMAS; seed++) {
      const random = seededRandom(seed);
      const type = randomRecord(random, 3);
      const schema = new AvroCodec().parse(type.json);
      const plain = plainAvsc(type.json);
      for (let i = 0; i < 10; i++) {
        const record = type.make(random);
        const body = schema.encode(record);
        assert.equal(
          Buffer.from(body).toString("hex"),
          plain.toBuffer(withBuffers(record)).toString("hex"),
          `seed ${seed}`,
        );
        assert.deepStrictEqual(schema.decode(body), record, `seed ${seed}`);
      }
    }
  });

  it("readerFor() the same schema decodes the same", () => {
    for (let seed = 0; seed < SCHEMAS; seed++) {
      const random = seededRandom(seed);
      const type = randomRecord(random, 3);
      const reader = new AvroCodec().parse(type.json);
      const writer = new AvroCodec().parse(type.json);
      const record = type.make(random);
      const read = reader.readerFor(writer).decode(writer.encode(record));
      assert.deepStrictEqual(read, record, `seed ${seed}`);
    }
  });

  for (const [name, { json, record }] of Object.entries(NAMED)) {
    it(`decode() of ${MUTATIONS} mutated ${name} messages ends soon, cleanly or with a DecodeError`, () => {
      const schema = new AvroCodec().parse(json);
      mutate(schema, [schema.encode(record)], seededRandom(7));
    });
  }

  for (let seed = 1; seed <= MUTATED_SCHEMAS; seed++) {
    it(`decode() of ${MUTATIONS} mutated messages of random schema ${seed} does, too`, () => {
      const random = seededRandom(seed * 1000);
      let type = randomRecord(random, 4);
      while (JSON.stringify(type.json).length < 400) type = randomRecord(random, 4);
      const schema = new AvroCodec().parse(type.json);
      const bodies = Array.from({ length: 20 }, () => schema.encode(type.make(random)));
      mutate(schema, bodies, random);
    });
  }
});

function mutate(schema: RecordSchema, bodies: readonly Uint8Array[], random: Random): void {
  const resolving = schema.readerFor(new AvroCodec().parse(schema.text));
  let refused = 0;
  let slowest = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    const body = mutated(pick(random, bodies), random);
    for (const reader of [schema, resolving]) {
      let took = decodeTime(reader, body);
      // Once more for a machine that was busy elsewhere: what is slow is slow again.
      for (let again = 0; again < 3 && took > SLOWEST_MS; again++) took = decodeTime(reader, body);
      slowest = Math.max(slowest, took);
      if (isRefused(reader, body)) refused++;
    }
  }
  assert.ok(refused > MUTATIONS / 10, `only ${refused} were refused`);
  assert.ok(slowest < SLOWEST_MS, `the slowest took ${slowest} ms`);
}

function decodeTime(reader: RecordReader, body: Uint8Array): number {
  const start = performance.now();
  isRefused(reader, body);
  return performance.now() - start;
}

function isRefused(reader: RecordReader, body: Uint8Array): boolean {
  try {
    reader.decode(body);
    return false;
  } catch (error) {
    assert.ok(error instanceof DecodeError, String(error));
    return true;
  }
}

const EVIL = [
  [0x01],
  [0x03],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xfe, 0xff, 0xff, 0xff, 0x0f],
  [
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0x01,
  ],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
  [0x01, 0x03],
];

function mutated(body: Uint8Array, random: Random): Uint8Array {
  let bytes = Array.from(body);
  for (let n = 1 + Math.floor(random() * 3); n > 0; n--) {
    const at = Math.floor(random() * (bytes.length + 1));
    switch (Math.floor(random() * 6)) {
      case 0:
        bytes[at % Math.max(1, bytes.length)] = Math.floor(random() * 256);
        break;
      case 1:
        bytes = bytes.slice(0, at);
        break;
      case 2:
        bytes.splice(at, 0, ...pick(random, EVIL));
        break;
      case 3:
        bytes.splice(at, 1 + Math.floor(random() * 4));
        break;
      case 4:
        bytes.splice(at, pick(random, EVIL).length, ...pick(random, EVIL));
        break;
      default:
        bytes.splice(at, 0, ...randomBytes(random, Math.floor(random() * 30)));
    }
  }
  return Uint8Array.from(bytes);
}
