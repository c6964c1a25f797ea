import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { DecodeError, RecordError, SchemaError } from "../../src/codec/codec.ts";

const codec = new AvroCodec();
const NULLS = {
  type: "record",
  name: "Nulls",
  fields: Array.from({ length: 95 }, (_, i) => ({ name: `n${i}`, type: "null" })),
};
/** 9,600 values in no bytes at all. */
const HOLLOW = {
  type: "record",
  name: "Hollow",
  fields: Array.from(
    { length: 100 },
    (_, i) => ({ name: `r${i}`, type: i === 0 ? NULLS : "Nulls" }),
  ),
};
const TOO_MANY = /too many values that take no bytes/;

function record(...fields: unknown[]) {
  return codec.parse({ type: "record", name: "R", fields });
}

/** A long as Avro writes it. */
function long(value: number): number[] {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push(rest % 128 | 0x80);
  return [...bytes, rest];
}

function refuses(reader: { decode(body: Uint8Array): unknown }, body: number[]): void {
  assert.throws(() => reader.decode(Uint8Array.from(body)), (error) => {
    assert.ok(error instanceof DecodeError, String(error));
    assert.match(error.message, TOO_MANY);
    return true;
  });
}

describe("the budget for values without bytes", () => {
  const lists = record({ name: "a", type: { type: "array", items: HOLLOW } });

  it("lets a few such items through, and refuses many before it makes the first", () => {
    const read = lists.decode(Uint8Array.from([...long(10), 0]));
    assert.equal((read.a as unknown[]).length, 10);
    refuses(lists, [...long(14), 0]);
    refuses(lists, [...long(1e6), 0]);
  });

  it("adds up blocks, arrays in arrays, entries of maps and branches of unions", () => {
    refuses(lists, [...[1, 2, 3, 4].flatMap(() => long(5)), 0]);
    const nested = record({
      name: "a",
      type: { type: "array", items: { type: "array", items: HOLLOW } },
    });
    const inner = [...long(5), 0];
    refuses(nested, [...long(4), ...inner, ...inner, ...inner, ...inner, 0]);
    const map = record({ name: "a", type: { type: "map", values: HOLLOW } });
    refuses(map, [...long(20), ...Array.from({ length: 20 }, () => [2, 97]).flat(), 0]);
    const union = record({ name: "a", type: { type: "array", items: ["int", HOLLOW] } });
    refuses(union, [...long(20), ...new Array<number>(20).fill(2), 0]);
  });

  it("counts what schema resolution skips", () => {
    const writer = record(
      { name: "gone", type: { type: "array", items: HOLLOW } },
      { name: "b", type: "int" },
    );
    const reader = record({ name: "b", type: "int" }).readerFor(writer);
    assert.deepEqual(reader.decode(Uint8Array.from([...long(5), 0, 2])), { b: 1 });
    refuses(reader, [...long(20), 0, 2]);
  });

  it("counts the defaults that schema resolution fills in", () => {
    const items = (...fields: unknown[]) => ({ type: "record", name: "I", fields });
    const writer = record({ name: "a", type: { type: "array", items: items() } });
    const filled = {
      name: "list",
      type: { type: "array", items: "int" },
      default: new Array<number>(1000).fill(7),
    };
    const reader = record({ name: "a", type: { type: "array", items: items(filled) } })
      .readerFor(writer);
    const read = reader.decode(Uint8Array.from([...long(2), 0])) as { a: { list: number[] }[] };
    assert.deepEqual(read.a.map(({ list }) => list.length), [1000, 1000]);
    refuses(reader, [...long(200), 0]);
  });

  it("costs records nothing whose values have bytes, however many there are", () => {
    const schema = record({
      name: "a",
      type: {
        type: "array",
        items: {
          type: "record",
          name: "Point",
          fields: [{ name: "x", type: "int" }, { name: "label", type: ["null", "string"] }],
        },
      },
    });
    const a = Array.from({ length: 200_000 }, (_, x) => ({ x: x % 50, label: null }));
    assert.equal((schema.decode(schema.encode({ a })).a as unknown[]).length, a.length);
  });

  it("is that of the writer too, so that nothing is written that nobody can read", () => {
    const hollow = lists.decode(Uint8Array.from([...long(1), 0])).a as unknown[];
    const a = new Array<unknown>(20).fill(hollow[0]);
    assert.throws(() => lists.encode({ a }), (error) => {
      assert.ok(error instanceof RecordError, String(error));
      assert.match(error.message, TOO_MANY);
      return true;
    });
  });

  it("is shared by records that are read or written together", () => {
    const hollow = codec.parse(HOLLOW);
    const budget = { left: 100_000 };
    const read = hollow.decodeEach(new Uint8Array(), 1000, { budget });
    let count = 0;
    assert.throws(() => {
      for (const _record of read) count++;
    }, TOO_MANY);
    assert.equal(count, 10);
    const one = hollow.decode(new Uint8Array());
    const written = { left: 20_000 };
    hollow.encode(one, written);
    hollow.encode(one, written);
    assert.throws(() => hollow.encode(one, written), TOO_MANY);
  });

  it("decodeEach() refuses a record that is larger than it may be, and reads those before it", () => {
    const texts = record({ name: "t", type: "string" });
    const bodies = ["short", "x".repeat(100), "y"].map((t) => texts.encode({ t }));
    const bytes = new Uint8Array(bodies.flatMap((body) => [...body]));
    assert.equal([...texts.decodeEach(bytes, 3, { maxBytes: 200 })].length, 3);
    const read = texts.decodeEach(bytes, 3, { maxBytes: 50 });
    assert.deepEqual(read.next().value, { t: "short" });
    assert.throws(() => read.next(), /50 bytes|exceeds the remaining/);
  });
});

describe("schemas that would cost more than they say", () => {
  function refusesSchema(schema: unknown, reason: RegExp): void {
    assert.throws(() => codec.parse(schema), (error) => {
      assert.ok(error instanceof SchemaError, String(error));
      assert.match(error.message, reason);
      return true;
    });
  }

  /** Each record has a list with two of the one before, by default. */
  function doubling(levels: number) {
    const fields: unknown[] = [{
      name: "f0",
      type: { type: "record", name: "R0", fields: [{ name: "a", type: "int", default: 0 }] },
    }];
    for (let i = 1; i <= levels; i++) {
      const list = { type: "array", items: `R${i - 1}` };
      const type = {
        type: "record",
        name: `R${i}`,
        fields: [{ name: "l", type: list, default: [{}, {}] }],
      };
      fields.push({ name: `f${i}`, type });
    }
    return { type: "record", name: "Bomb", fields };
  }

  it("parse() takes defaults that fill in others up to 10,000 values, and refuses more", () => {
    const schema = codec.parse(doubling(8));
    assert.equal(JSON.stringify(schema.newRecord().f8).match(/"a":0/g)?.length, 256);
    for (const levels of [14, 30, 100]) refusesSchema(doubling(levels), /too many values/);
  });

  it("parse() refuses few defaults that repeat a long text", () => {
    const long = { name: "a", type: "string", default: "x".repeat(20_000) };
    const one = { type: "record", name: "One", fields: [long] };
    const all = { type: "array", items: "One" };
    refusesSchema({
      type: "record",
      name: "R",
      fields: [{ name: "one", type: one }, {
        name: "all",
        type: all,
        default: new Array<object>(50).fill({}),
      }],
    }, /too many values/);
  });

  it("parse() refuses a default that holds itself", () => {
    refusesSchema({
      type: "record",
      name: "R",
      fields: [{ name: "r", type: ["R", "null"], default: {} }],
    }, /too many values/);
  });

  it("parse() refuses too many values in a record that an array, a map or a union holds", () => {
    let type: unknown = { type: "record", name: "R0", fields: [] };
    for (let i = 1; i < 40; i++) {
      const fields = [{ name: "a", type }, { name: "b", type: `R${i - 1}` }];
      type = { type: "record", name: `R${i}`, fields };
    }
    const endless = { type: "record", name: "E", fields: [{ name: "e", type: "E" }] };
    const around = [
      (inner: unknown) => ({ type: "array", items: inner }),
      (inner: unknown) => ({ type: "map", values: inner }),
      (inner: unknown) => ["null", inner],
    ];
    for (const wrap of around) {
      const holder = (inner: unknown) => ({
        type: "record",
        name: "Holder",
        fields: [{ name: "x", type: wrap(inner) }],
      });
      refusesSchema(holder(type), /more than 10000 values/);
      refusesSchema(holder(endless), /always contains itself/);
    }
  });

  it("readerFor() looks at each pair of types once where a recursive union cannot read the innermost", () => {
    const node = {
      type: "record",
      name: "Node",
      fields: [{
        name: "v",
        type: ["null", "long", "string", { type: "array", items: "Node" }, {
          type: "map",
          values: "Node",
        }],
      }],
    };
    const reader = codec.parse({
      type: "record",
      name: "R",
      fields: [{ name: "u", type: [node] }],
    });
    /** Records called Node in namespaces of their own, each in the one before. */
    const deep = (levels: number, innermost: string) => {
      let type: unknown = innermost;
      for (let i = levels; i > 0; i--) {
        const items = typeof type === "string" ? type : { type: "array", items: type };
        type = {
          type: "record",
          name: "Node",
          namespace: `a${i}`,
          fields: [{ name: "v", type: items }],
        };
      }
      return codec.parse({ type: "record", name: "R", fields: [{ name: "u", type }] });
    };
    assert.throws(() => reader.readerFor(deep(31, "boolean")), SchemaError);
    assert.ok(reader.readerFor(deep(31, "long")));
  });

  it("readerFor() refuses schemas with too many pairs of types to compare", () => {
    const names = Array.from({ length: 400 }, (_, i) => i);
    const of = (namespace: string) => {
      const branches = names.map((i) => ({
        type: "record",
        name: "N",
        namespace: `${namespace}${i}`,
        fields: [{ name: "x", type: ["null", "int"] }],
      }));
      return codec.parse({ type: "record", name: "R", fields: [{ name: "u", type: branches }] });
    };
    assert.throws(() => of("a").readerFor(of("b")), /too many types to compare/);
  });
});
