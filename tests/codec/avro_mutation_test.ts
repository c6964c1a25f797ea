import { before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import process from "node:process";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { DecodeError, type RecordReader, type RecordSchema } from "../../src/codec/codec.ts";
import { AVRO_SAMPLES } from "../support/data/avro_samples.ts";
import { mutateBytes } from "../support/data/mutate_bytes.ts";
import { testSeed } from "../support/data/test_seed.ts";
import { pick, type Random, randomRecord, seededRandom } from "../support/data/random_avro.ts";

const MESSAGES = 10_000;
const MOST_GROWTH = 64 << 20;

describe("AvroCodec on mutated messages", () => {
  const seed = testSeed();

  // What the runtime compiles and reserves for a start is no growth.
  before(() => {
    for (const { schema: json, make } of Object.values(AVRO_SAMPLES)) {
      const random = seededRandom(seed + 1);
      const schema = new AvroCodec().parse(json);
      const bodies = [schema.encode(make(random))];
      survivors({ schema, readers: [schema], bodies }, { random, messages: MESSAGES / 4 });
    }
  });

  for (const [name, { schema: json, make }] of Object.entries(AVRO_SAMPLES)) {
    it(`decode() of ${MESSAGES} of ${name} ends in little memory, cleanly or with a DecodeError`, () => {
      const random = seededRandom(seed);
      const schema = new AvroCodec().parse(json);
      const bodies = Array.from({ length: 20 }, () => schema.encode(make(random)));
      const evolved = evolvedOf(json);
      survives({ schema, readers: [schema, evolved.readerFor(schema)], bodies }, random);
    });
  }

  for (let which = 1; which <= 2; which++) {
    it(`decode() of ${MESSAGES} of random schema ${which} does, too`, () => {
      const random = seededRandom(seed * 10 + which);
      let type = randomRecord(random, 4);
      while (JSON.stringify(type.json).length < 400) type = randomRecord(random, 4);
      const schema = new AvroCodec().parse(type.json);
      const bodies = Array.from({ length: 20 }, () => schema.encode(type.make(random)));
      const same = schema.readerFor(new AvroCodec().parse(schema.text));
      survives({ schema, readers: [schema, same], bodies }, random);
    });
  }

  interface Subject {
    schema: RecordSchema;
    readers: RecordReader[];
    bodies: Uint8Array[];
  }

  function survives(subject: Subject, random: Random): void {
    let growth = Infinity;
    // Once more for a heap that has grown as heaps do: what is kept is kept again.
    for (let again = 0; again < 2 && growth > MOST_GROWTH; again++) {
      const start = process.memoryUsage().rss;
      growth = survivors(subject, { random, messages: MESSAGES }) - start;
    }
    assert.ok(growth < MOST_GROWTH, `${growth} bytes more, seed ${seed}`);
  }

  /** Returns the most memory that there was. */
  function survivors(
    { schema, readers, bodies }: Subject,
    { random, messages }: { random: Random; messages: number },
  ): number {
    let highest = 0;
    const ends = { clean: 0, refused: 0 };
    for (let i = 0; i < messages; i++) {
      const body = mutateBytes(pick(random, bodies), random);
      const where = `seed ${seed}, message ${i}: ${hex(body)}`;
      for (const reader of readers) {
        const record = decode(reader, body, where);
        if (record === undefined) ends.refused++;
        else ends.clean++;
        // What is decoded is a record of its schema and not something in between.
        if (record !== undefined && reader === schema) {
          assert.doesNotThrow(() => schema.encode(record), where);
        }
      }
      if (i % 50 === 0) highest = Math.max(highest, process.memoryUsage().rss);
    }
    // Neither everything nor nothing: the damage is neither always fatal nor always harmless.
    assert.ok(ends.refused > messages / 10 && ends.clean > 0, JSON.stringify(ends));
    return highest;
  }
});

/** The same record with the fields in another order, the first of them gone and another there: readers of it skip and resolve. */
function evolvedOf(json: { readonly name: string; readonly fields: unknown }): RecordSchema {
  const { fields } = JSON.parse(JSON.stringify(json)) as { fields: { type: unknown }[] };
  // A named type is declared in the first field that has it, so the last is what can go.
  const kept = fields.slice(0, -1);
  const added = { name: "added", type: "string", default: "new" };
  return new AvroCodec().parse({ type: "record", name: json.name, fields: [...kept, added] });
}

/** Undefined if it is refused as it should be. */
function decode(reader: RecordReader, body: Uint8Array, where: string): object | undefined {
  try {
    return reader.decode(body);
  } catch (error) {
    assert.ok(error instanceof DecodeError, `${String(error)}, ${where}`);
    return undefined;
  }
}

function hex(body: Uint8Array): string {
  return Array.from(body.subarray(0, 200), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
