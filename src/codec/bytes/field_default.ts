import type { AvscType } from "./avsc_types.ts";
import { defaultValue } from "../schema/default_value.ts";
import type { FieldNode } from "../schema/schema_node.ts";
import type { Taps } from "./taps.ts";

/** The default of a field: in bytes, as a writer needs it, and read again from them for each record, so that no two records share it. */
export interface FieldDefault {
  bytes(): Uint8Array;
  read(): unknown;
}

/** Undefined if the field has none. Encoded at its first use: the type of a record that is still being built cannot write yet. */
export function fieldDefault(
  field: FieldNode,
  type: AvscType,
  taps: Taps,
): FieldDefault | undefined {
  const { default: given, name } = field;
  if (given === undefined) return undefined;
  const reader = taps.newReader();
  let encoded: Uint8Array | undefined;
  function bytes(): Uint8Array {
    if (encoded !== undefined) return encoded;
    const tap = taps.newWriter();
    tap.start();
    type._write(tap, defaultValue(field.type, given!.json, name));
    return encoded = tap.finish().slice();
  }
  return {
    bytes,
    read() {
      reader.start(bytes());
      return type._read(reader);
    },
  };
}
