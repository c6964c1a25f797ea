import { pick, type Random, randomBytes } from "./random_avro.ts";

/** A schema and records of it. */
export interface AvroSample {
  readonly schema: { readonly type: "record"; readonly name: string; readonly fields: unknown };
  make(random: Random): Record<string, unknown>;
}

const TEXTS = ["", "a", "docs", "größe 日本.pdf", "😀", "x".repeat(200)];
const below = (random: Random, bound: number) => Math.floor(random() * bound);
const many = <T>(random: Random, most: number, make: () => T): T[] =>
  Array.from({ length: below(random, most + 1) }, make);

function sample(
  name: string,
  fields: Readonly<Record<string, unknown>>,
  make: AvroSample["make"],
): AvroSample {
  const list = Object.entries(fields).map(([field, type]) => ({ name: field, type }));
  return { schema: { type: "record", name, fields: list }, make };
}

function tree(random: Random, depth: number): Record<string, unknown> {
  const inner = () => tree(random, depth - 1);
  return {
    children: depth > 0 ? many(random, 2, inner) : [],
    byName: depth > 0 && random() < 0.5 ? { a: null, b: inner() } : {},
    next: depth > 0 && random() < 0.5 ? inner() : null,
  };
}

/** One for each thing that Avro has, and what an fs-source emits. */
export const AVRO_SAMPLES: Readonly<Record<string, AvroSample>> = {
  s3list: sample(
    "s3list",
    { url: "string", lastModifiedUnixMilli: "long", bucket: "string", key: "string" },
    (random) => {
      const key = pick(random, TEXTS);
      const lastModifiedUnixMilli = 1_790_000_000_000 + below(random, 1e9);
      return { url: `s3a://docs/${key}`, lastModifiedUnixMilli, bucket: "docs", key };
    },
  ),
  "nested records": sample(
    "outer",
    {
      a: {
        type: "record",
        name: "middle",
        fields: [
          {
            name: "b",
            type: {
              type: "record",
              name: "inner",
              fields: [{ name: "n", type: "int" }, { name: "d", type: "double" }],
            },
          },
          { name: "again", type: "inner" },
          { name: "ok", type: "boolean" },
        ],
      },
      f: "float",
    },
    (random) => {
      const inner = () => ({ n: below(random, 1e6), d: random() });
      return { a: { b: inner(), again: inner(), ok: random() < 0.5 }, f: 0.5 };
    },
  ),
  arrays: sample(
    "arrays",
    {
      rows: { type: "array", items: { type: "array", items: "int" } },
      texts: { type: "array", items: "string" },
      nulls: { type: "array", items: "null" },
    },
    (random) => ({
      rows: many(random, 4, () => many(random, 5, () => below(random, 1000))),
      texts: many(random, 4, () => pick(random, TEXTS)),
      nulls: many(random, 4, () => null),
    }),
  ),
  maps: sample(
    "maps",
    {
      numbers: { type: "map", values: "long" },
      nested: { type: "map", values: { type: "map", values: "null" } },
    },
    (random) => ({
      numbers: { a: below(random, 1e9), __proto__x: 2, "": 3 },
      nested: { a: { b: null }, c: {} },
    }),
  ),
  unions: sample(
    "unions",
    {
      plain: ["null", "string"],
      wrapped: ["null", "int", "long", "double", { type: "array", items: ["null", "int"] }],
    },
    (random) => ({
      plain: random() < 0.5 ? null : pick(random, TEXTS),
      wrapped: pick(random, [null, { int: 5 }, { long: 2 ** 40 }, { array: [null, 1] }]),
    }),
  ),
  enums: sample(
    "enums",
    {
      one: { type: "enum", name: "colour", symbols: ["RED", "GREEN", "BLUE"] },
      more: { type: "array", items: "colour" },
    },
    (random) => {
      const colour = () => pick(random, ["RED", "GREEN", "BLUE"]);
      return { one: colour(), more: many(random, 5, colour) };
    },
  ),
  bytes: sample(
    "blobs",
    { one: "bytes", more: { type: "array", items: "bytes" } },
    (random) => ({
      one: randomBytes(random, below(random, 60)),
      more: many(random, 4, () => randomBytes(random, below(random, 9))),
    }),
  ),
  fixed: sample(
    "fixeds",
    {
      id: { type: "fixed", name: "id16", size: 16 },
      none: { type: "array", items: { type: "fixed", name: "id0", size: 0 } },
      more: { type: "array", items: "id16" },
    },
    (random) => ({
      id: randomBytes(random, 16),
      none: many(random, 3, () => new Uint8Array()),
      more: many(random, 3, () => randomBytes(random, 16)),
    }),
  ),
  recursive: sample(
    "tree",
    {
      children: { type: "array", items: "tree" },
      byName: { type: "map", values: ["null", "tree"] },
      next: ["null", "tree"],
    },
    (random) => tree(random, 3),
  ),
};
