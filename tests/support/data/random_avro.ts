/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export type Random = () => number;

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]!;
}

/** A type with a way to make values of it. */
export interface RandomType {
  readonly json: unknown;
  readonly kind: string;
  readonly branch: string;
  make(random: Random): unknown;
}

const TEXTS = ["", "foo", "naïve", "日本語", "😀", "a".repeat(100), "é".repeat(40)];

function primitive(kind: string, group: string, make: (random: Random) => unknown): RandomType {
  return { json: kind, kind: group, branch: kind, make };
}

function integer(random: Random, bits: number): number {
  const size = 2 ** Math.floor(random() * bits);
  return Math.floor((random() * 2 - 1) * size);
}

const PRIMITIVES: readonly RandomType[] = [
  primitive("null", "null", () => null),
  primitive("boolean", "boolean", (random) => random() < 0.5),
  primitive("int", "number", (random) => integer(random, 32)),
  primitive("long", "number", (random) => integer(random, 53)),
  primitive("float", "number", (random) => Math.fround(random() * 1000)),
  primitive("double", "number", (random) => random() * 1e300),
  primitive("string", "string", (random) => pick(random, TEXTS)),
  primitive("bytes", "buffer", (random) => randomBytes(random, Math.floor(random() * 40))),
];

export function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

function repeat<T>(random: Random, most: number, make: (i: number) => T): T[] {
  return Array.from({ length: Math.floor(random() * (most + 1)) }, (_, i) => make(i));
}

class Names {
  #next = 0;
  take(): string {
    return `T${this.#next++}`;
  }
}
const NAMES = new Names();

export function randomType(random: Random, depth: number): RandomType {
  const pickKind = depth === 0 ? 0 : random();
  if (pickKind < 0.4) return pick(random, PRIMITIVES);
  const name = NAMES.take();
  if (pickKind < 0.48) {
    const size = Math.floor(random() * 5);
    return {
      json: { type: "fixed", name, size },
      kind: "buffer",
      branch: name,
      make: (r) => randomBytes(r, size),
    };
  }
  if (pickKind < 0.56) {
    const symbols = ["A", "B_2", "c"];
    return {
      json: { type: "enum", name, symbols },
      kind: "string",
      branch: name,
      make: (r) => pick(r, symbols),
    };
  }
  if (pickKind < 0.66) {
    const items = randomType(random, depth - 1);
    return {
      json: { type: "array", items: items.json },
      kind: "array",
      branch: "array",
      make: (r) => repeat(r, 4, () => items.make(r)),
    };
  }
  if (pickKind < 0.76) {
    const values = randomType(random, depth - 1);
    return {
      json: { type: "map", values: values.json },
      kind: "object",
      branch: "map",
      make: (r) => Object.fromEntries(repeat(r, 3, (i) => [`k${i}é`, values.make(r)])),
    };
  }
  return pickKind < 0.88 ? randomUnion(random, depth) : randomRecord(random, depth - 1);
}

function randomUnion(random: Random, depth: number): RandomType {
  const branches: RandomType[] = [];
  for (const one of repeat(random, 3, () => randomType(random, depth - 1))) {
    const taken = branches.some((branch) => branch.branch === one.branch);
    if (!taken && one.kind !== "union") branches.push(one);
  }
  if (branches.length === 0) branches.push(PRIMITIVES[0]!, PRIMITIVES[6]!);
  const wrapped = new Set(branches.map((one) => one.kind)).size < branches.length;
  return {
    json: branches.map((one) => one.json),
    kind: "union",
    branch: "union",
    make(r) {
      const branch = pick(r, branches);
      const value = branch.make(r);
      return wrapped && value !== null ? { [branch.branch]: value } : value;
    },
  };
}

export function randomRecord(random: Random, depth: number): RandomType {
  const name = NAMES.take();
  const fields = repeat(random, 5, (i) => ({ name: `f${i}`, type: randomType(random, depth) }));
  return {
    json: {
      type: "record",
      name,
      fields: fields.map((field) => ({ name: field.name, type: field.type.json })),
    },
    kind: "object",
    branch: name,
    make: (r) => Object.fromEntries(fields.map((field) => [field.name, field.type.make(r)])),
  };
}
