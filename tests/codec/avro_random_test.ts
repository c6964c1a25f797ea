import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import avsc from "avsc";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { randomRecord, seededRandom } from "../support/data/random_avro.ts";

const SCHEMAS = 150;

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
});
