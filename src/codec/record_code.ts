import type { AvscField, AvscType } from "./avsc_types.ts";
import { fieldValue } from "./mismatch.ts";
import { kindOfValue } from "./schema_node.ts";
import type { ReadTap } from "./read_tap.ts";
import type { Taps } from "./taps.ts";
import type { WriteTap } from "./write_tap.ts";

type Read = (tap: ReadTap) => unknown;
type Write = (tap: WriteTap, value: unknown) => void;

/**
 * Compiles the reader of a record: one object literal, primitives read at the tap without a call between. Field names are checked
 * identifiers (`parse_schema.ts`), and schemas are configuration, never data, so that compiling them is safe.
 */
export function recordReader(fields: readonly AvscField[]): Read {
  const values = fields.map(({ name, type }, i) => {
    const method = READ[type.typeName];
    return `${name}: ${method ? `t.${method}()` : `t${i}._read(t)`}`;
  });
  const body = `return function readRecord(t) {
    t.enter();
    const record = { ${values.join(", ")} };
    t.depth--;
    return record;
  };`;
  return compile(fields.map((_, i) => `t${i}`), body, fields.map((field) => field.type)) as Read;
}

/**
 * Compiles the constructor that schema resolution calls with the fields that the writer has. Its instances are plain objects. A default
 * is decoded each time from its bytes, so that it has the same form as anything decoded, and is nobody else's.
 */
export function recordConstructor(fields: readonly AvscField[], taps: Taps): object {
  const defaults = fields.map((field) => {
    const bytes = defaultBytes(field, taps);
    if (!bytes) return undefined;
    const tap = taps.newReader();
    return () => {
      tap.start(bytes);
      return field.type._read(tap);
    };
  });
  const lines = fields.map(({ name }, i) =>
    `this.${name} = ${defaults[i] ? `v${i} === undefined ? d${i}() : v${i}` : `v${i}`};`
  );
  const body = `return function Record(${fields.map((_, i) => `v${i}`)}) { ${lines.join(" ")} };`;
  const constructor = compile(fields.map((_, i) => `d${i}`), body, defaults) as {
    prototype: unknown;
  };
  constructor.prototype = Object.prototype;
  return constructor;
}

function defaultBytes(field: AvscField, taps: Taps): Uint8Array | undefined {
  const value = field.defaultValue();
  if (value === undefined) return undefined;
  const tap = taps.newWriter();
  tap.start();
  field.type._write(tap, value);
  return tap.finish().slice();
}

const READ: Readonly<Record<string, string | undefined>> = {
  boolean: "readBoolean",
  int: "readInt",
  long: "readExactLong",
  float: "readFloat",
  double: "readDouble",
  bytes: "readBytes",
  string: "readString",
};

/**
 * Compiles the writer of a record. It throws at whatever does not fit, without saying where: `findMismatch` does that. It counts the
 * fields that are there, and looks at the keys one by one only if the record has another number of them.
 */
export function recordWriter(fields: readonly AvscField[], taps: Taps): Write {
  const names: string[] = ["fail", "checkKeys", "fieldValue", "writeLong", "kindOfValue"];
  const values: unknown[] = [
    failWriting,
    keyChecker(fields.map((field) => field.name)),
    fieldValue,
    writeLong,
    kindOfValue,
  ];
  let required = 0;
  const lines = fields.map((field, i) => {
    const { name, type } = field;
    names.push(`t${i}`, `d${i}`);
    const bytes = defaultBytes(field, taps);
    values.push(type, bytes);
    const v = `v${i}`;
    const get = name in Object.prototype ? `fieldValue(v, "${name}")` : `v.${name}`;
    const write = WRITE[type.typeName]?.replaceAll("$", v) ?? `t${i}._write(t, ${v});`;
    if (bytes) {
      return `const ${v} = ${get};
        if (${v} === undefined) t.writeFixed(d${i}); else { n++; ${write} }`;
    }
    if (takesNull(type)) {
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

/** Enough where some field must be there: that is missing from whatever else passes. */
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

function takesNull({ typeName, types }: AvscType): boolean {
  return typeName === "null" || !!types?.some((one) => one.typeName === "null");
}

function keyChecker(names: readonly string[]): (record: Readonly<Record<string, unknown>>) => void {
  const known = new Set(names);
  return (record) => {
    for (const key of Object.keys(record)) {
      if (!known.has(key) && record[key] !== undefined) failWriting();
    }
  };
}

function failWriting(): never {
  throw new TypeError("The value does not fit its schema");
}

function compile(names: readonly string[], body: string, values: readonly unknown[]): unknown {
  return new Function(...names, `"use strict"; ${body}`)(...values);
}
