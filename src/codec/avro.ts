import avsc from "avsc/lib/types.js";
import { reasonOf } from "../errors.ts";
import { createTypeHook } from "./avro_guards.ts";
import type { AvscLibrary, AvscResolver, AvscType } from "./avsc_types.ts";
import {
  type BigLong,
  type Codec,
  DecodeError,
  RecordError,
  type RecordReader,
  type RecordSchema,
  type RecordValue,
  SchemaError,
} from "./codec.ts";
import { emptyValue } from "./default_value.ts";
import { canonicalForm, fingerprint } from "./fingerprint.ts";
import { fromJson } from "./from_json.ts";
import { toJson } from "./json.ts";
import { findMismatch, type Mismatch } from "./mismatch.ts";
import { parseSchema } from "./parse_schema.ts";
import { parseSchemaText } from "./parse_schema_text.ts";
import type { RecordNode } from "./schema_node.ts";
import { avscSchema } from "./avsc_schema.ts";
import { Taps } from "./taps.ts";

const { Type, builtins } = avsc as AvscLibrary;

/** Longer text, in bytes, is read by the web's decoder: on Deno it takes a fifth of the time. A view of the text costs more than what is saved on a short one. */
const LONG_TEXT = 256;
/** What looks like a byte order mark belongs to the text. */
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/** Avro: schemas by our own parser, types and schema resolution by avsc, at a tap of our own. */
export class AvroCodec implements Codec {
  readonly #taps = new Taps({
    readText: (bytes, start, end) =>
      end - start > LONG_TEXT
        ? DECODER.decode(bytes.subarray(start, end))
        : utf8Slice.call(bytes, start, end),
    writeText: (bytes, text, start) => utf8Write.call(bytes, text, start),
  });
  readonly #typeHook = createTypeHook(builtins, this.#taps);

  parse(schema: unknown): RecordSchema {
    const { json, text } = parseSchemaText(schema);
    const node = parseSchema(json);
    if (node.kind !== "record") {
      throw new SchemaError(`schema: expected a record, got ${node.kind}; wrap it in a record`);
    }
    return new AvroSchema(node, this.#type(node), { text, taps: this.#taps });
  }

  #type(node: RecordNode): AvscType {
    try {
      const options = { typeHook: this.#typeHook, registry: Object.create(null) };
      return Type.forSchema(avscSchema(node), options);
    } catch (error) {
      throw new SchemaError(`schema: ${reasonOf(error)}`, { cause: error });
    }
  }
}

class AvroSchema implements RecordSchema {
  readonly name: string;
  readonly text: string;
  readonly fingerprint: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly #node: RecordNode;
  readonly #type: AvscType;
  readonly #taps: Taps;
  readonly #reader: AvroReader;

  constructor(node: RecordNode, type: AvscType, options: { text: string; taps: Taps }) {
    this.name = node.name;
    this.text = options.text;
    this.fingerprint = fingerprint(canonicalForm(node));
    this.fields = new Map(node.fields.map((field) => [field.name, field.type.kind]));
    this.#node = node;
    this.#type = type;
    this.#taps = options.taps;
    this.#reader = new AvroReader(type, options.taps);
  }

  decode(body: Uint8Array): RecordValue {
    return this.#reader.decode(body);
  }

  decodeAll(bytes: Uint8Array, count: number): RecordValue[] {
    return this.#reader.decodeAll(bytes, count);
  }

  encode(record: unknown): Uint8Array {
    const tap = this.#taps.takeWriter();
    try {
      tap.start();
      this.#type._write(tap, record);
      return tap.finish();
    } catch (error) {
      throw this.#misfit(record, error);
    } finally {
      this.#taps.giveBack(tap);
    }
  }

  #misfit(record: unknown, error: unknown): RecordError {
    const { path, problem } = this.#findMismatch(record) ??
      { path: "", problem: `cannot encode: ${reasonOf(error)}` };
    return new RecordError(`${path || this.name}: ${problem}`, path);
  }

  #findMismatch(record: unknown): Mismatch | undefined {
    try {
      return findMismatch(this.#node, record);
    } catch {
      // A getter of the user's threw, as it did when the record was written.
      return undefined;
    }
  }

  newRecord(): RecordValue {
    return emptyValue(this.#node) as RecordValue;
  }

  readerFor(writer: RecordSchema): RecordReader {
    if (!(writer instanceof AvroSchema)) {
      throw new SchemaError(
        `Cannot read records of "${writer.name}": its schema is of another codec`,
      );
    }
    try {
      return new AvroReader(
        this.#type.createResolver(writer.#type, { ignoreNamespaces: true }),
        this.#taps,
      );
    } catch (error) {
      const reason = reasonOf(error);
      throw new SchemaError(
        `Cannot read records of "${writer.name}" as "${this.name}": ${reason}`,
        {
          cause: error,
        },
      );
    }
  }

  toJson(record: RecordValue, bigLong?: BigLong): unknown {
    return toJson(this.#node, record, bigLong);
  }

  fromJson(json: unknown, options?: { extra?: "drop" | "refuse" }): RecordValue {
    return fromJson(this.#node, json, options) as RecordValue;
  }
}

class AvroReader implements RecordReader {
  readonly #type: AvscType | AvscResolver;
  readonly #taps: Taps;

  constructor(type: AvscType | AvscResolver, taps: Taps) {
    this.#type = type;
    this.#taps = taps;
  }

  decode(body: Uint8Array): RecordValue {
    const tap = this.#taps.reader;
    try {
      tap.start(body);
      const record = this.#type._read(tap);
      tap.finish();
      return record as RecordValue;
    } catch (error) {
      throw notDecoded(body, error);
    }
  }

  decodeAll(bytes: Uint8Array, count: number): RecordValue[] {
    const tap = this.#taps.reader;
    try {
      tap.start(bytes);
      const records: RecordValue[] = [];
      while (records.length < count) records.push(this.#type._read(tap) as RecordValue);
      tap.finish();
      return records;
    } catch (error) {
      throw notDecoded(bytes, error);
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
const { utf8Slice, utf8Write } = Type.forSchema("null").toBuffer(null) as unknown as {
  utf8Slice(start: number, end: number): string;
  utf8Write(text: string, start: number): number;
};
