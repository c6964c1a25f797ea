import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { DecodeError, RecordError, SchemaError } from "../../src/codec/codec.ts";

const codec = new AvroCodec();

function schemaOf(...types: unknown[]) {
  const fields = types.map((type, i) => ({ name: `f${i}`, type }));
  return codec.parse({ type: "record", name: "R", fields });
}

/** Refuses the message. How soon is measured by `npm run bench -- --gate`. */
function refuses(reader: { decode(body: Uint8Array): unknown }, body: number[], reason: RegExp) {
  assert.throws(() => reader.decode(Uint8Array.from(body)), (error) => {
    assert.ok(error instanceof DecodeError, String(error));
    assert.match(error.message, reason);
    return true;
  });
}

/** A long as Avro writes it. */
function long(value: number): number[] {
  const bytes: number[] = [];
  let bits = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  for (; bits > 127n; bits >>= 7n) bytes.push(Number(bits & 127n) | 128);
  return [...bytes, Number(bits)];
}

describe("AvroCodec and hostile messages", () => {
  for (const items of ["null", "int", "string", { type: "record", name: "E", fields: [] }]) {
    it(`decode() refuses a count of a billion ${JSON.stringify(items)} at once`, () => {
      const schema = schemaOf({ type: "array", items });
      refuses(schema, [...long(1e9)], /block count 1000000000 exceeds|values that take no bytes/);
      refuses(schema, [...long(-1e9), ...long(0)], /exceeds|values that take no bytes/);
    });
  }

  it("decode() refuses many blocks of values that take no bytes", () => {
    const schema = schemaOf({ type: "array", items: { type: "array", items: "null" } });
    const inner = [...long(60_000), 0];
    refuses(schema, [...long(3), ...inner, ...inner, ...inner, 0], /values that take no bytes/);
  });

  it("decode() refuses a map that claims more entries than bytes", () => {
    refuses(schemaOf({ type: "map", values: "null" }), long(2 ** 40), /block count/);
  });

  it("decode() refuses a negative block size, also where schema resolution skips the field", () => {
    for (const complex of [{ type: "array", items: "int" }, { type: "map", values: "int" }]) {
      const writer = schemaOf(complex, "int");
      const reader = codec.parse({
        type: "record",
        name: "R",
        fields: [{ name: "f1", type: "int" }],
      }).readerFor(writer);
      for (const one of [writer, reader]) {
        refuses(one, [0x01, 0x03, 0x00, 0x02], /block size -2/);
        refuses(one, [0x01, ...long(2 ** 40), 0x00], /block size/);
      }
    }
  });

  it("decode() refuses a chain of records deeper than it allows, and reads one of 500", () => {
    const list = codec.parse({
      type: "record",
      name: "List",
      fields: [{ name: "next", type: ["null", "List"] }],
    });
    const chain = (length: number) => [...new Array<number>(length).fill(2), 0];
    assert.ok(list.decode(Uint8Array.from(chain(500))));
    refuses(list, chain(100_000), /nested deeper/);
    refuses(list.readerFor(codec.parse(list.text)), chain(100_000), /nested deeper/);
  });

  it("decode() refuses nested counts without reserving memory for each", () => {
    const tree = codec.parse({
      type: "record",
      name: "T",
      fields: [{ name: "c", type: { type: "array", items: "T" } }],
    });
    const body = new Uint8Array(1_000_000);
    for (let at = 0, left = 900_000; at < 4000; at += 4, left -= 8) body.set(long(left), at);
    assert.throws(() => tree.decode(body), DecodeError);
  });

  it("decode() refuses lengths, indices and numbers out of range", () => {
    refuses(schemaOf("string"), long(10), /length 10 exceeds/);
    refuses(schemaOf("string"), long(-1), /length -1/);
    refuses(schemaOf("bytes"), long(2 ** 50), /length/);
    refuses(schemaOf(["null", "int"]), long(2), /union index 2 is not below 2/);
    refuses(schemaOf(["null", "int"]), long(-1), /union index -1/);
    refuses(schemaOf(["int", "long"]), long(7), /union index/);
    refuses(schemaOf({ type: "enum", name: "E", symbols: ["A"] }), long(1), /enum index/);
    refuses(schemaOf("int"), long(2 ** 31), /out of range/);
    refuses(schemaOf("boolean"), [2], /neither 0 nor 1/);
    refuses(schemaOf("long"), new Array<number>(11).fill(0xff), /more than 64 bits/);
    refuses(schemaOf("long"), [...new Array<number>(9).fill(0xff), 0x02], /more than 64 bits/);
    refuses(schemaOf("long"), [0x80], /middle of a value/);
    refuses(schemaOf("double"), [1, 2, 3], /middle of a value/);
    refuses(schemaOf({ type: "fixed", name: "F", size: 4 }), [1, 2, 3], /middle of a value/);
    refuses(schemaOf("int"), [], /middle of a value/);
    refuses(schemaOf("int"), [2, 2], /1 bytes follow the record/);
  });

  it("decode() makes one value of all those that have no bytes", () => {
    const none = { type: "array", items: { type: "fixed", name: "F", size: 0 } };
    const schema = schemaOf(none, { type: "array", items: "bytes" });
    const body = [...long(60_000), 0, ...long(1_000), ...new Array<number>(1_000).fill(0), 0];
    const record = schema.decode(Uint8Array.from(body)) as Record<string, Uint8Array[]>;
    assert.deepEqual([record.f0?.length, record.f1?.length], [60_000, 1_000]);
    assert.equal(new Set([...record.f0!, ...record.f1!]).size, 1);
  });

  it("decode() works after a refused message", () => {
    const schema = schemaOf("string");
    refuses(schema, long(10), /exceeds/);
    assert.deepEqual(schema.decode(schema.encode({ f0: "fine" })), { f0: "fine" });
  });
});

describe("AvroCodec and hostile records", () => {
  it("encode() refuses a record that holds itself", () => {
    const list = codec.parse({
      type: "record",
      name: "List",
      fields: [{ name: "next", type: ["null", "List"] }],
    });
    const loop: { next: unknown } = { next: null };
    loop.next = loop;
    assert.throws(() => list.encode(loop), RecordError);
    assert.deepEqual(list.decode(list.encode({ next: { next: null } })), { next: { next: null } });
  });

  it("encode() inside a getter does not disturb the record around it", () => {
    const schema = schemaOf("string", "string", "string");
    const record = {
      f0: "outer",
      get f1() {
        return String(schema.encode({ f0: "inner", f1: "inner", f2: "inner" }).length);
      },
      f2: "end",
    };
    assert.deepEqual(schema.decode(schema.encode(record)), { f0: "outer", f1: "18", f2: "end" });
  });
});

describe("AvroCodec and hostile schemas", () => {
  function refusesSchema(schema: unknown, reason: RegExp) {
    assert.throws(() => codec.parse(schema), (error) => {
      assert.ok(error instanceof SchemaError, String(error));
      assert.match(error.message, reason);
      return true;
    });
  }

  it("parse() refuses deep nesting, as text and as JSON", () => {
    const deep = '{"type":"array","items":'.repeat(100) + '"int"' + "}".repeat(100);
    const text = `{"type":"record","name":"R","fields":[{"name":"a","type":${deep}}]}`;
    refusesSchema(text, /nested deeper than 64 types/);
    refusesSchema(JSON.parse(text), /nested deeper than 64 types/);
    refusesSchema("[".repeat(60_000), /nested deeper than 256/);
    refusesSchema("[".repeat(100_000), /too large/);
  });

  it("parse() refuses a schema of more than 64 KiB", () => {
    const fields = Array.from({ length: 3000 }, (_, i) => ({ name: `field${i}`, type: "int" }));
    refusesSchema({ type: "record", name: "R", fields }, /too large/);
    refusesSchema(JSON.stringify({ type: "record", name: "R", fields }), /too large/);
  });

  it("parse() refuses JSON that holds itself", () => {
    const loop: unknown[] = [];
    loop.push(loop);
    refusesSchema(loop, /nested deeper/);
    let shared: unknown = "int";
    for (let i = 0; i < 60; i++) shared = [shared, shared];
    refusesSchema(shared, /too large/);
  });

  it("parse() refuses records without an end, or with too many values", () => {
    refusesSchema(
      { type: "record", name: "R", fields: [{ name: "r", type: "R" }] },
      /"R" always contains itself/,
    );
    let type: unknown = { type: "record", name: "R0", fields: [] };
    for (let i = 1; i < 40; i++) {
      const fields = [{ name: "a", type }, { name: "b", type: `R${i - 1}` }];
      type = { type: "record", name: `R${i}`, fields };
    }
    refusesSchema(type, /more than 10000 values/);
  });

  it("parse() refuses names that would reach a prototype or leave the compiled code", () => {
    for (const name of ["__proto__", "a b", "a;b", "a-b", "1a", "", "a.b", "é"]) {
      refusesSchema(
        { type: "record", name: "R", fields: [{ name, type: "int" }] },
        /not valid|reserved/,
      );
    }
    for (const name of ["__proto__", "a b", "a..b", "x.int", "string"]) {
      refusesSchema({ type: "record", name, fields: [] }, /not valid|reserved|primitive/);
    }
  });
});
