import {
  arrayItem,
  mapEntry,
  readArray,
  readMap,
  type ValueReader,
} from "../bytes/block_reader.ts";
import { countDefault } from "../schema/default_value.ts";
import { type FieldDefault, fieldDefault } from "../bytes/field_default.ts";
import type { LeastSizes } from "../bytes/least_sizes.ts";
import type { ReadTap } from "../bytes/read_tap.ts";
import {
  branchName,
  type EnumNode,
  type FieldNode,
  type RecordNode,
  type SchemaNode,
} from "../schema/schema_node.ts";
import type { AvscType } from "../bytes/avsc_types.ts";
import type { Taps } from "../bytes/taps.ts";
import { type LeastSize, valueCost } from "../value_budget.ts";
import type { Match, Part } from "./match_schemas.ts";
import { PRIMITIVE_READERS, primitiveReader, primitiveSkip } from "./promotions.ts";
import { type ResolvedField, resolvedRecordReader, type WrittenStep } from "./resolved_record.ts";

/** A schema with what was made for it. */
export interface SchemaSide {
  readonly types: { of(node: SchemaNode): AvscType };
  readonly sizes: LeastSizes;
}

type Read = (tap: ReadTap) => unknown;

/** Builds readers for pairs of types that fit. */
export class ResolvedReaders {
  readonly #reader: SchemaSide;
  readonly #writer: SchemaSide;
  readonly #taps: Taps;
  readonly #readers = new Map<Match, ValueReader>();
  readonly #sizes = new Map<Match, LeastSize>();
  readonly #defaults = new Map<FieldNode, CountedDefault>();

  constructor(sides: { reader: SchemaSide; writer: SchemaSide; taps: Taps }) {
    this.#reader = sides.reader;
    this.#writer = sides.writer;
    this.#taps = sides.taps;
  }

  of(match: Match): ValueReader {
    const known = this.#readers.get(match);
    if (known !== undefined) return known;
    // Made when it is called first: a record may hold itself, and of many types few come.
    const reader: { _read: Read } = {
      _read: (tap) => {
        reader._read = this.#read(match);
        return reader._read(tap);
      },
    };
    this.#readers.set(match, reader);
    return reader;
  }

  /** What a value takes at least of the message, and comes to at least: with what is skipped and with the defaults that are filled in. */
  sizeOf(match: Match): LeastSize {
    const known = this.#sizes.get(match);
    if (known !== undefined) return known;
    const size = this.#size(match);
    this.#sizes.set(match, size);
    return size;
  }

  #size(match: Match): LeastSize {
    const { reader, writer } = match;
    const size = this.#writer.sizes.of(writer);
    if (match.any) return this.sizeOf(match.first!);
    if (reader.kind !== "record" || writer.kind !== "record") return size;
    const read = new Map(match.parts.map((part) => [part.field!.from, part]));
    let values = 1;
    for (const { name, type } of writer.fields) {
      const part = read.get(name);
      values += part ? this.sizeOf(part.match).values : this.#writer.sizes.of(type).values;
    }
    for (const field of defaulted(match, reader)) values += this.#default(field).values;
    return { values, bytes: size.bytes };
  }

  #read(match: Match): Read {
    const { reader, writer } = match;
    if (writer.kind === "union") return this.#readUnion(match);
    if (reader.kind === "union") return this.#readIntoUnion(match);
    if (reader.kind === "record" && writer.kind === "record") {
      return this.#readRecord(match, reader, writer);
    }
    if (reader.kind === "array" && writer.kind === "array") {
      const { items, part } = this.#onlyPart(match);
      const size = arrayItem(this.sizeOf(part));
      return (tap) => readArray(tap, items, size);
    }
    if (reader.kind === "map" && writer.kind === "map") {
      const { items, part } = this.#onlyPart(match);
      const size = mapEntry(this.sizeOf(part));
      return (tap) => readMap(tap, items, size);
    }
    if (reader.kind === "enum" && writer.kind === "enum") return readEnum(reader, writer);
    if (reader.kind === "fixed") return (tap) => tap.readFixed(reader.size);
    return PRIMITIVE_READERS[primitiveReader(writer.kind, reader.kind)!]._read;
  }

  #onlyPart(match: Match): { items: ValueReader; part: Match } {
    const part = match.parts[0]!.match;
    return { items: this.of(part), part };
  }

  #readUnion({ parts }: Match): Read {
    const readers = parts.map(({ match }) => this.of(match));
    const costs = parts.map(({ match }) => valueCost(this.sizeOf(match), 1));
    return (tap) => {
      const index = tap.readLong();
      const reader = readers[index];
      if (reader === undefined) {
        return tap.fail(`union index ${index} is not below ${readers.length}`);
      }
      if (costs[index]! > 0) tap.charge(costs[index]!);
      return reader._read(tap);
    };
  }

  #readIntoUnion(match: Match): Read {
    const branch = match.first!;
    const reader = this.of(branch);
    if (match.reader.kind === "union" && !match.reader.wrapped) return (tap) => reader._read(tap);
    const name = branchName(branch.reader);
    return (tap) => {
      const value = reader._read(tap);
      return value === null ? null : { [name]: value };
    };
  }

  #readRecord(match: Match, reader: RecordNode, writer: RecordNode): Read {
    const parts = new Map<string, Part[]>();
    for (const part of match.parts) {
      const { from } = part.field!;
      parts.set(from, [...parts.get(from) ?? [], part]);
    }
    const steps = writer.fields.map(({ name, type }): WrittenStep => {
      const reads = parts.get(name);
      if (reads === undefined) return this.#skip(type);
      return {
        reads: reads.map(({ match: inner, field }) => ({
          index: field!.index,
          ...methodOrReader(inner, () => this.of(inner)),
        })),
      };
    });
    const missing = new Set(defaulted(match, reader));
    const fields = reader.fields.map((field): ResolvedField => ({
      name: field.name,
      ...(missing.has(field) && { default: this.#default(field).value }),
    }));
    return resolvedRecordReader(steps, fields);
  }

  #skip(type: SchemaNode): WrittenStep {
    const method = primitiveSkip(type.kind);
    return method === undefined ? { skip: this.#writer.types.of(type) } : { skip: method };
  }

  #default(field: FieldNode): CountedDefault {
    const known = this.#defaults.get(field);
    if (known !== undefined) return known;
    const value = fieldDefault(field, this.#reader.types.of(field.type), this.#taps)!;
    const counted = { value, values: countDefault(field.type, field.default!.json) };
    this.#defaults.set(field, counted);
    return counted;
  }
}

interface CountedDefault {
  readonly value: FieldDefault;
  readonly values: number;
}

/** Fields of a reader's record that the writer lacks. */
function defaulted(match: Match, { fields }: RecordNode) {
  const read = new Set(match.parts.map(({ field }) => field!.index));
  return fields.filter((_field, i) => !read.has(i));
}

function methodOrReader({ reader, writer }: Match, make: () => ValueReader) {
  const method = primitiveReader(writer.kind, reader.kind);
  return method === undefined ? { reader: make() } : { method };
}

function readEnum(reader: EnumNode, writer: EnumNode): Read {
  const symbols = writer.symbols.map((one) => reader.known.has(one) ? one : reader.default);
  return (tap) => {
    const index = tap.readLong();
    return symbols[index] ?? tap.fail(`enum index ${index} is not below ${symbols.length}`);
  };
}
