import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { RecordError } from "../../src/codec/codec.ts";

const codec = new AvroCodec();

const schema = codec.parse({
  type: "record",
  name: "Order",
  namespace: "shop",
  fields: [
    { name: "id", type: "long" },
    { name: "amount", type: "long", default: 1 },
    { name: "note", type: ["null", "string"] },
    {
      name: "address",
      type: {
        type: "record",
        name: "Address",
        fields: [{ name: "street", type: "string" }, { name: "zip", type: "int" }],
      },
    },
    { name: "tags", type: { type: "array", items: "string" }, default: [] },
    { name: "prices", type: { type: "map", values: "double" }, default: {} },
    { name: "color", type: { type: "enum", name: "Color", symbols: ["RED", "BLUE"] } },
    { name: "hash", type: { type: "fixed", name: "Hash", size: 2 } },
    { name: "either", type: ["null", "int", "long"], default: null },
    { name: "ratio", type: "float", default: 0 },
    { name: "raw", type: ["null", "bytes", "boolean"], default: null },
    {
      name: "options",
      type: {
        type: "record",
        name: "Options",
        fields: [{ name: "fast", type: "boolean", default: false }],
      },
      default: {},
    },
  ],
});

const good = {
  id: 1,
  address: { street: "Main", zip: 1 },
  color: "RED",
  hash: new Uint8Array(2),
};

/** A change to a good record, and the error it must give. */
const MISTAKES: [object, string][] = [
  [{ id: "abc" }, 'id: expected long, got "abc"'],
  [{ id: undefined }, "id: missing, expected long"],
  [{ id: null }, "id: expected long, got null"],
  [{ id: NaN }, "id: expected long, got NaN"],
  [{ id: 1.5 }, "id: expected long, got 1.5"],
  [{ id: Infinity }, "id: expected long, got Infinity"],
  [
    { id: 2 ** 53 },
    "id: expected long, got 9007199254740992; give numbers beyond 2^53 as bigint, in JSON as text",
  ],
  [{ id: 2n ** 63n }, "id: expected long (64 bits), got 9223372036854775808"],
  [{ id: new Date(0) }, "id: expected long, got a Date"],
  [{ amount: "5" }, 'amount: expected long, got "5"'],
  [{ note: 5 }, "note: expected null or string, got 5"],
  [{ address: undefined }, "address: missing, expected record shop.Address"],
  [{ address: "x" }, 'address: expected record shop.Address, got "x"'],
  [{ address: [] }, "address: expected record shop.Address, got a list of 0"],
  [{ address: { street: 5, zip: 1 } }, "address.street: expected string, got 5"],
  [
    { address: { street: "", zip: 2 ** 31 } },
    "address.zip: expected int (32 bits), got 2147483648",
  ],
  [{ address: { street: "", zip: NaN } }, "address.zip: expected int, got NaN"],
  [{ address: { street: "", zip: 1n } }, "address.zip: expected int, got 1n"],
  [
    { address: { street: "", zip: 1, zipp: 2 } },
    'address.zipp: shop.Address has no such field; did you mean "zip"?',
  ],
  [
    { address: { stret: "", zip: 1 } },
    'address.street: missing, expected string; did you mean it by "stret"?',
  ],
  [{ tags: ["a", "b", "c", 4] }, "tags[3]: expected string, got 4"],
  [{ tags: ["a", undefined] }, "tags[1]: expected string, got undefined"],
  [{ tags: "a" }, 'tags: expected array, got "a"'],
  [{ prices: { a: 1, b: "2" } }, 'prices.b: expected double, got "2"'],
  [{ prices: [1] }, "prices: expected map, got a list of 1"],
  [{ prices: new Map([["a", 1]]) }, "prices: expected map, got a Map"],
  [{ prices: Promise.resolve({}) }, "prices: expected map, got a Promise"],
  [{ options: new Date(0) }, "options: expected record shop.Options, got a Date"],
  [{ color: "GREEN" }, 'color: expected one of RED and BLUE, got "GREEN"'],
  [{ color: "constructor" }, 'color: expected one of RED and BLUE, got "constructor"'],
  [{ color: ["RED"] }, "color: expected enum, got a list of 1"],
  [{ hash: new Uint8Array(3) }, "hash: expected 2 bytes, got 3 bytes"],
  [{ hash: [1, 2] }, "hash: expected fixed (a Uint8Array), got a list of 2"],
  [
    { either: 5 },
    'either: expected a branch of null, int or long written as { "int": … }, got 5',
  ],
  [{ either: { int: 2 ** 40 } }, "either.int: expected int (32 bits), got 1099511627776"],
  [
    { either: { toString: 1 } },
    'either: expected a branch of null, int or long written as { "int": … }, got an object',
  ],
  [{ ratio: 1e300 }, "ratio: expected float (32 bits), got 1e+300"],
  [{ raw: "text" }, 'raw: expected null, bytes or boolean, got "text"'],
  [{ raw: new Uint16Array(1) }, "raw: expected null, bytes or boolean, got a Uint16Array"],
  [{ ammount: 5 }, 'ammount: shop.Order has no such field; did you mean "amount"?'],
  [
    { zzzzzzz: 5 },
    "zzzzzzz: shop.Order has no such field; fields are id, amount, note, address, tags, prices, " +
    "color, hash, either, ratio, raw and options",
  ],
  [{ note: "x".repeat(50), id: "y".repeat(99) }, `id: expected long, got "${"y".repeat(37)}..."`],
];

describe("RecordSchema.encode()", () => {
  it("fills defaults, and null where a nullable field is absent", () => {
    assert.deepEqual(schema.decode(schema.encode(good)), {
      ...good,
      amount: 1,
      note: null,
      tags: [],
      prices: {},
      either: null,
      ratio: 0,
      raw: null,
      options: { fast: false },
    });
  });

  for (const [change, message] of MISTAKES) {
    it(`says ${message.slice(0, 90)}`, () => {
      assert.throws(() => schema.encode({ ...good, ...change }), (error) => {
        assert.ok(error instanceof RecordError, String(error));
        assert.equal(error.message, message);
        assert.equal(error.path, message.slice(0, message.indexOf(":")));
        return true;
      });
    });
  }

  it("says all that does not fit, in the order of the schema, and lists the fields once", () => {
    const address = { street: 5 };
    const wrong = { ...good, id: "x", address, tags: [1, "b", null], odd: 1, other: 2, amuont: 3 };
    assert.throws(() => schema.encode(wrong), {
      message: "8 values do not fit: " + [
        'id: expected long, got "x"',
        "address.street: expected string, got 5",
        "address.zip: missing, expected int",
        "tags[0]: expected string, got 1",
        "tags[2]: expected string, got null",
        "odd: shop.Order has no such field; fields are id, amount, note, address, tags, prices, " +
        "color, hash, either, ratio, raw and options",
        "other: shop.Order has no such field",
        'amuont: shop.Order has no such field; did you mean "amount"?',
      ].join("; "),
      path: "id",
    });
  });

  it("says the first ten of many, and how many more there are", () => {
    const tags = (count: number) => ({ ...good, tags: new Array<number>(count).fill(7) });
    assert.throws(
      () => schema.encode(tags(12)),
      /^RecordError: 12 values do not fit: tags\[0\]: .*; tags\[9\]: expected string, got 7; and 2 more$/,
    );
    assert.throws(
      () => schema.encode(tags(100_000)),
      /^RecordError: at least 1000 values do not fit: .*; and 990 more$/,
    );
  });

  it("says what it has found before a getter failed, and no long key", () => {
    const key = "k".repeat(1_000);
    const record = {
      ...good,
      prices: { [key]: "x" },
      get ratio(): number {
        throw new Error("no ink");
      },
    };
    assert.throws(() => schema.encode(record), {
      message: `prices.${"k".repeat(77)}...: expected double, got "x"`,
    });
  });

  it("says what is wrong with something that is no record", () => {
    for (const [value, shown] of [[null, "null"], [5, "5"], [[], "a list of 0"]] as const) {
      assert.throws(() => schema.encode(value), {
        name: "RecordError",
        message: `shop.Order: expected record shop.Order, got ${shown}`,
      });
    }
  });

  it("passes on why a getter failed", () => {
    const record = {
      ...good,
      get note(): string {
        throw new Error("no ink");
      },
    };
    assert.throws(() => schema.encode(record), {
      name: "RecordError",
      message: "shop.Order: cannot encode: no ink",
    });
  });

  it("takes an undefined field that the schema lacks as absent", () => {
    assert.ok(schema.encode({ ...good, other: undefined }));
  });

  it("takes fields of a class instance, getters included", () => {
    class Address {
      street = "Main";
      get zip() {
        return 7;
      }
    }
    const body = schema.encode({ ...good, address: new Address() });
    assert.deepEqual(schema.decode(body).address, { street: "Main", zip: 7 });
  });

  it("takes no field from what every object inherits", () => {
    const fields = [
      { name: "constructor", type: "string" },
      { name: "toString", type: "int", default: 4 },
      { name: "valueOf", type: ["null", "string"] },
    ];
    const odd = codec.parse({ type: "record", name: "Odd", fields });
    assert.throws(() => odd.encode({}), { message: "constructor: missing, expected string" });
    assert.deepEqual(odd.decode(odd.encode({ constructor: "x" })), {
      constructor: "x",
      toString: 4,
      valueOf: null,
    });
  });

  it("takes a Buffer for bytes, and a bigint for a long", () => {
    const body = schema.encode({ ...good, id: 5n, raw: new TextEncoder().encode("hi") });
    const record = schema.decode(body);
    assert.equal(record.id, 5);
    assert.deepEqual(record.raw, new Uint8Array([104, 105]));
  });
});
