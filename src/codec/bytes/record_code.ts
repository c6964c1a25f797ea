import type { AvscType } from "./avsc_types.ts";
import { compile } from "./compile.ts";
import type { FieldDefault } from "./field_default.ts";
import { fieldValue } from "../field_value.ts";
import { acceptsNull } from "../schema/mismatch.ts";
import type { ReadTap } from "./read_tap.ts";
import { type FieldNode, kindOfValue, type RecordNode } from "../schema/schema_node.ts";
import type { WriteTap } from "./write_tap.ts";

type Read = (tap: ReadTap) => unknown;
type Write = (tap: WriteTap, value: unknown) => void;

/** Compiles the reader of a record: one object literal, primitives read at the tap without a call between. */
export function recordReader({ fields }: RecordNode, types: readonly AvscType[]): Read {
  const values = fields.map(({ name, type }, i) => {
    const method = READ[type.kind];
    return `${name}: ${method ? `t.${method}()` : `t${i}._read(t)`}`;
  });
  const body = `return function readRecord(t) {
    t.enter();
    const record = { ${values.join(", ")} };
    t.depth--;
    return record;
  };`;
  return compile(fields.map((_, i) => `t${i}`), body, types) as Read;
}

const READ: Readonly<Record<FieldNode["type"]["kind"], string | undefined>> = {
  null: undefined,
  boolean: "readBoolean",
  int: "readInt",
  long: "readExactLong",
  float: "readFloat",
  double: "readDouble",
  bytes: "readBytes",
  string: "readString",
  fixed: undefined,
  enum: undefined,
  array: undefined,
  map: undefined,
  record: undefined,
  union: undefined,
};

export interface WrittenField {
  readonly node: FieldNode;
  readonly type: AvscType;
  readonly default: FieldDefault | undefined;
}

/**
 * Compiles the writer of a record. It throws where something does not fit, without saying where: `findMismatches` does that. It counts the
 * fields that are there, and looks at the keys one by one only if the record has another number of them.
 */
export function recordWriter(fields: readonly WrittenField[]): Write {
  const names: string[] = ["fail", "checkKeys", "fieldValue", "writeLong", "kindOfValue"];
  const values: unknown[] = [
    failWriting,
    keyChecker(fields.map(({ node }) => node.name)),
    fieldValue,
    writeLong,
    kindOfValue,
  ];
  let required = 0;
  const lines = fields.map(({ node, type, default: fallback }, i) => {
    const { name } = node;
    names.push(`t${i}`, `d${i}`);
    values.push(type, fallback);
    const v = `v${i}`;
    const get = name in Object.prototype ? `fieldValue(v, "${name}")` : `v.${name}`;
    const write = WRITE[node.type.kind]?.replaceAll("$", v) ?? `t${i}._write(t, ${v});`;
    if (fallback) {
      return `const ${v} = ${get};
        if (${v} === undefined) t.writeFixed(d${i}.bytes()); else { n++; ${write} }`;
    }
    if (acceptsNull(node.type)) {
      return `let ${v} = ${get}; if (${v} === undefined) ${v} = null; else n++; ${write}`;
    }
    required++;
    return `const ${v} = ${get}; ${write}`;
  });
  const body = `return function writeRecord(t, v) {
    if (${required > 0 ? PLAIN : 'kindOfValue(v) !== "object"'}) fail();
    t.enter();
    let n = ${required};
    ${lines.join("\n    ")}
    for (const key in v) n--;
    if (n !== 0) checkKeys(v);
    t.depth--;
  };`;
  return compile(names, body, values) as Write;
}

/** Enough where some field must be there: that is missing from anything else that passes. */
const PLAIN = 'typeof v !== "object" || v === null || Array.isArray(v)';

const WRITE: Readonly<Record<string, string | undefined>> = {
  boolean: 'if (typeof $ !== "boolean") fail(); t.writeBoolean($);',
  int: "if ($ !== ($ | 0)) fail(); t.writeLong($);",
  long: "if (Number.isSafeInteger($)) t.writeLong($); else writeLong(t, $);",
  double: 'if (typeof $ !== "number") fail(); t.writeDouble($);',
  string: 'if (typeof $ !== "string") fail(); t.writeString($);',
};

/** Writes a long of any form that `encode` takes. */
export function writeLong(tap: WriteTap, value: unknown): void {
  if (Number.isSafeInteger(value)) return tap.writeLong(value as number);
  if (typeof value !== "bigint" || BigInt.asIntN(64, value) !== value) failWriting();
  tap.writeBigLong(value);
}

function keyChecker(names: readonly string[]): (record: Readonly<Record<string, unknown>>) => void {
  const known = new Set(names);
  return (record) => {
    for (const key of Object.keys(record)) {
      if (!known.has(key) && record[key] !== undefined) failWriting();
    }
  };
}

export function failWriting(): never {
  throw new TypeError("The value does not fit its schema");
}
