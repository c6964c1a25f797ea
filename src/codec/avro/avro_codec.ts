import avsc from "avsc/lib/types.js";
import { reasonOf } from "../../base/errors.ts";
import { createTypeHook } from "./avro_guards.ts";
import type { AvscLibrary, AvscType } from "../bytes/avsc_types.ts";
import type { ValueReader } from "../bytes/block_reader.ts";
import {
  type Codec,
  DecodeError,
  type DecodeLimits,
  type JsonForm,
  RecordError,
  type RecordReader,
  type RecordSchema,
  type RecordValue,
  SchemaError,
} from "../codec.ts";
import { emptyValue } from "../schema/default_value.ts";
import { canonicalForm, fingerprint } from "../schema/fingerprint.ts";
import { fromJson } from "../json/from_json.ts";
import { toJson } from "../json/json.ts";
import { LeastSizes } from "../bytes/least_sizes.ts";
import { findMismatches, type Mismatch } from "../schema/mismatch.ts";
import { parseSchema } from "./parse_schema.ts";
import { parseSchemaText } from "../schema/parse_schema_text.ts";
import { matchSchemas } from "../resolution/match_schemas.ts";
import { ResolvedReaders } from "../resolution/resolved_reader.ts";
import type { RecordNode } from "../schema/schema_node.ts";
import { SchemaTypes } from "./schema_types.ts";
import { Taps } from "../bytes/taps.ts";
import { type LeastSize, type ValueBudget, valueCost } from "../value_budget.ts";

const library = avsc as AvscLibrary;

/** Longer text, in bytes, is read by the web's decoder: on Deno it takes a fifth of the time. A view of the text costs more than what is saved on a short one. */
const LONG_TEXT = 256;
/** What looks like a byte order mark belongs to the text. */
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/** Avro: schemas and their resolution by our own code, types by avsc, at a tap of our own. */
export class AvroCodec implements Codec {
  readonly #taps = new Taps({
    readText: (bytes, start, end) =>
      end - start > LONG_TEXT
        ? DECODER.decode(bytes.subarray(start, end))
        : utf8Slice.call(bytes, start, end),
    writeText: (bytes, text, start) => utf8Write.call(bytes, text, start),
  });
  readonly #typeHook = createTypeHook(library.builtins, this.#taps);

  parse(schema: unknown): RecordSchema {
    const { json, text } = parseSchemaText(schema);
    const node = parseSchema(json);
    if (node.kind !== "record") {
      throw new SchemaError(`schema: expected a record, got ${node.kind}; wrap it in a record`);
    }
    const sizes = new LeastSizes();
    const types = new SchemaTypes(node, { library, typeHook: this.#typeHook, sizes });
    return new AvroSchema({ node, types, sizes }, { text, taps: this.#taps });
  }
}

/** A schema and what is made of it. */
interface Parts {
  readonly node: RecordNode;
  readonly types: SchemaTypes;
  readonly sizes: LeastSizes;
}

class AvroSchema implements RecordSchema {
  readonly name: string;
  readonly text: string;
  readonly fingerprint: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly #parts: Parts;
  readonly #cost: number;
  readonly #taps: Taps;
  #type?: AvscType;
  #reader?: AvroReader;

  constructor(parts: Parts, options: { text: string; taps: Taps }) {
    const { node, sizes } = parts;
    this.name = node.name;
    this.text = options.text;
    this.fingerprint = fingerprint(canonicalForm(node));
    this.fields = new Map(node.fields.map((field) => [field.name, field.type.kind]));
    this.#parts = parts;
    this.#cost = valueCost(sizes.of(node));
    this.#taps = options.taps;
  }

  decode(body: Uint8Array): RecordValue {
    return (this.#reader ??= this.#makeReader()).decode(body);
  }

  decodeEach(bytes: Uint8Array, count: number, limits?: DecodeLimits) {
    return (this.#reader ??= this.#makeReader()).decodeEach(bytes, count, limits);
  }

  #makeReader(): AvroReader {
    const { node, types, sizes } = this.#parts;
    return new AvroReader(types.root, { size: sizes.of(node), taps: this.#taps });
  }

  encode(record: unknown, budget?: ValueBudget): Uint8Array {
    const tap = this.#taps.takeWriter();
    try {
      tap.start(budget?.left);
      tap.charge(this.#cost);
      (this.#type ??= this.#parts.types.root)._write(tap, record);
      if (budget) budget.left = tap.values;
      return tap.finish();
    } catch (error) {
      throw this.#misfit(record, error);
    } finally {
      this.#taps.giveBack(tap);
    }
  }

  #misfit(record: unknown, error: unknown): RecordError {
    const { path, problem } = this.#findMismatches(record) ??
      { path: "", problem: `${this.name}: cannot encode: ${reasonOf(error)}` };
    return new RecordError(problem, path);
  }

  #findMismatches(record: unknown): Mismatch | undefined {
    try {
      return findMismatches(this.#parts.node, record, this.name);
    } catch {
      // A getter of the user's threw, as it did when the record was written.
      return undefined;
    }
  }

  newRecord(): RecordValue {
    return emptyValue(this.#parts.node) as RecordValue;
  }

  readerFor(writer: RecordSchema): RecordReader {
    if (!(writer instanceof AvroSchema)) {
      throw new SchemaError(
        `Cannot read records of "${writer.name}": its schema is of another codec`,
      );
    }
    const reader = this.#parts;
    try {
      const match = matchSchemas(reader.node, writer.#parts.node);
      const readers = new ResolvedReaders({ reader, writer: writer.#parts, taps: this.#taps });
      const size = readers.sizeOf(match);
      return new AvroReader(readers.of(match), { size, taps: this.#taps });
    } catch (error) {
      const reason = reasonOf(error);
      throw new SchemaError(
        `Cannot read records of "${writer.name}" as "${this.name}": ${reason}`,
        { cause: error },
      );
    }
  }

  toJson(record: RecordValue, form?: JsonForm): unknown {
    return toJson(this.#parts.node, record, form);
  }

  fromJson(json: unknown, options?: { extra?: "drop" | "refuse" }): RecordValue {
    return fromJson(this.#parts.node, json, options) as RecordValue;
  }
}

class AvroReader implements RecordReader {
  readonly #reader: ValueReader;
  readonly #leastBytes: number;
  readonly #cost: number;
  readonly #taps: Taps;

  constructor(reader: ValueReader, { size, taps }: { size: LeastSize; taps: Taps }) {
    this.#reader = reader;
    this.#leastBytes = size.bytes;
    this.#cost = valueCost(size);
    this.#taps = taps;
  }

  decode(body: Uint8Array): RecordValue {
    const tap = this.#taps.reader;
    try {
      tap.start(body);
      tap.charge(this.#cost);
      const record = this.#reader._read(tap);
      tap.finish();
      return record as RecordValue;
    } catch (error) {
      throw notDecoded(body, error);
    }
  }

  *decodeEach(
    bytes: Uint8Array,
    count: number,
    { budget, maxBytes = Infinity }: DecodeLimits = {},
  ): Generator<RecordValue, void, undefined> {
    // One of its own: between two steps others may decode.
    const tap = this.#taps.newReader();
    let at = 0;
    if (count * this.#leastBytes > bytes.length) {
      throw new DecodeError(`Cannot decode ${count} records: they have only ${bytes.length} bytes`);
    }
    for (let i = 0; i < count; i++) {
      const rest = bytes.subarray(at, Math.min(bytes.length, at + maxBytes));
      let record: unknown;
      try {
        tap.start(rest, budget?.left);
        tap.charge(this.#cost);
        record = this.#reader._read(tap);
      } catch (error) {
        const isCut = rest.length < bytes.length - at && tap.pos >= rest.length;
        throw isCut
          ? new DecodeError(`Record ${i} has more than ${maxBytes} bytes`)
          : notDecoded(rest, error);
      }
      if (budget) budget.left = tap.values;
      at += tap.pos;
      yield record as RecordValue;
    }
    if (at < bytes.length) {
      throw new DecodeError(`Cannot decode: ${bytes.length - at} bytes follow ${count} records`);
    }
  }
}

function notDecoded(body: Uint8Array, error: unknown): DecodeError {
  if (error instanceof DecodeError) return error;
  return new DecodeError(`Cannot decode message of ${body.length} bytes: ${reasonOf(error)}`, {
    cause: error,
  });
}

// Node's Buffer, as avsc has it: on both runtimes these two work on any Uint8Array, so that no Buffer has to be made around a message.
const { utf8Slice, utf8Write } = library.Type.forSchema("null").toBuffer(null) as unknown as {
  utf8Slice(start: number, end: number): string;
  utf8Write(text: string, start: number): number;
};
