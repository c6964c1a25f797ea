import type { ValueReader } from "../bytes/block_reader.ts";
import type { SchemaNode } from "../schema/schema_node.ts";

type Kind = SchemaNode["kind"];

/** The methods of a tap that read values without parts. */
export type PrimitiveMethod =
  | "readBoolean"
  | "readInt"
  | "readLong"
  | "readExactLong"
  | "readFloat"
  | "readDouble"
  | "readBytes"
  | "readString"
  | "readNull";

/** From what is written to what is read (Avro specification, "Schema Resolution"). */
const METHODS: ReadonlyMap<string, PrimitiveMethod> = new Map([
  ["null null", "readNull"],
  ["boolean boolean", "readBoolean"],
  ["int int", "readInt"],
  ["int long", "readInt"],
  ["int float", "readInt"],
  ["int double", "readInt"],
  ["long long", "readExactLong"],
  ["long float", "readLong"],
  ["long double", "readLong"],
  ["float float", "readFloat"],
  ["float double", "readFloat"],
  ["double double", "readDouble"],
  ["bytes bytes", "readBytes"],
  ["bytes string", "readString"],
  ["string string", "readString"],
  ["string bytes", "readBytes"],
]);

/** Readers of these: a call by a fixed name is several times as fast as one by a name that varies. */
export const PRIMITIVE_READERS: Readonly<Record<PrimitiveMethod, ValueReader>> = {
  readNull: { _read: () => null },
  readBoolean: { _read: (tap) => tap.readBoolean() },
  readInt: { _read: (tap) => tap.readInt() },
  readLong: { _read: (tap) => tap.readLong() },
  readExactLong: { _read: (tap) => tap.readExactLong() },
  readFloat: { _read: (tap) => tap.readFloat() },
  readDouble: { _read: (tap) => tap.readDouble() },
  readBytes: { _read: (tap) => tap.readBytes() },
  readString: { _read: (tap) => tap.readString() },
};

/** How a tap reads what was written as one primitive as another; undefined if Avro does not allow it. */
export function primitiveReader(written: Kind, read: Kind): PrimitiveMethod | undefined {
  return METHODS.get(`${written} ${read}`);
}

/** The methods of a tap that skip values without parts. */
export type SkipMethod =
  | "skipNull"
  | "skipBoolean"
  | "skipInt"
  | "skipLong"
  | "skipFloat"
  | "skipDouble"
  | "skipBytes"
  | "skipString";

const SKIPS: ReadonlyMap<string, SkipMethod> = new Map([
  ["null", "skipNull"],
  ["boolean", "skipBoolean"],
  ["int", "skipInt"],
  ["long", "skipLong"],
  ["float", "skipFloat"],
  ["double", "skipDouble"],
  ["bytes", "skipBytes"],
  ["string", "skipString"],
]);

/** How a tap skips a primitive; undefined for other types. */
export function primitiveSkip(kind: Kind): SkipMethod | undefined {
  return SKIPS.get(kind);
}
