import type { ValueBudget } from "./value_budget.ts";

/** A record, as user code sees it: field name to value. */
export type RecordValue = Record<string, unknown>;

/** How a record becomes JSON. */
export interface JsonForm {
  /** What stands for a long beyond 2^53, such as `JSON.rawJSON`. @default its digits as text */
  bigLong?: (value: bigint) => unknown;
  /**
   * For systems that have types of their own, such as a search index: values of unions are never wrapped, NaN and infinities are null.
   * `fromJson` may then read another value. @default false
   */
  plain?: boolean;
}

/** A schema that cannot be used. The message names the place inside the schema. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
}

/** A record that does not fit its schema. `path` is the first field that does not, such as `address.street` or `tags[3]`. */
export class RecordError extends Error {
  override readonly name = "RecordError";
  constructor(message: string, readonly path: string) {
    super(message);
  }
}

/** Bytes that are not a message of this schema: truncated, too long, counts beyond the limits, too deep. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  /** The field, such as `address.street`, where one is to blame. */
  readonly path?: string;
  constructor(message: string, options: { cause?: unknown; path?: string } = {}) {
    super(message, { cause: options.cause });
    if (options.path !== undefined) this.path = options.path;
  }
}

/** What the records of one `decodeEach` may take. */
export interface DecodeLimits {
  /** Shared with other records. @default one for each record */
  budget?: ValueBudget;
  /** Of one record. @default no limit but that of the bytes */
  maxBytes?: number;
}

/** Reads messages of one schema. Synchronous: the record path makes no promise per record. */
export interface RecordReader {
  /**
   * A plain object, bytes in memory of their own. A `long` is a number, beyond 2^53 a bigint.
   * @throws {DecodeError} Bounded in time and memory for any input.
   */
  decode(body: Uint8Array): RecordValue;
  /**
   * Reads `count` records that follow one another in the same bytes, as in a block of a container file, one at each step.
   * @throws {DecodeError} where it comes to a record that cannot be read.
   */
  decodeEach(
    bytes: Uint8Array,
    count: number,
    limits?: DecodeLimits,
  ): Generator<RecordValue, void, undefined>;
}

/** A schema that was read and can be used. Immutable and shareable. */
export interface RecordSchema extends RecordReader {
  /** Full name of the record. */
  readonly name: string;
  /** The schema as JSON text, to be stored beside messages. */
  readonly text: string;
  /** CRC-64-AVRO of the parsing canonical form, 16 hexadecimal digits (Avro specification, "Schema Fingerprints"). */
  readonly fingerprint: string;
  /** Field names with the plain name of their type (`string`, `long`, `record`, `union`, …), in order. */
  readonly fields: ReadonlyMap<string, string>;
  /**
   * The record's bytes, in memory that is never written again. Small records share ArrayBuffers of a few KiB: copy what is kept for long.
   *
   * A Uint8Array fits `bytes` and `fixed`, a bigint fits `long` (and is needed beyond 2^53). A field that the schema lacks is an error; a
   * field with a default may be absent, and so may one whose union has null. Branches of a union are plain values, unless two of
   * them look the same in JavaScript: then `{ "branch name": value }`.
   * @param budget Shared with other records; absent: one for this record.
   * @throws {RecordError} naming the fields that do not fit, the first ten of many.
   */
  encode(record: unknown, budget?: ValueBudget): Uint8Array;
  /** A record with the schema's defaults: declared ones, else zero, empty, the first symbol, the first branch. */
  newRecord(): RecordValue;
  /**
   * Reads messages that were written with `writer` as records of this schema.
   * @throws {SchemaError} if the Avro rules of schema resolution do not allow it, naming the field.
   */
  readerFor(writer: RecordSchema): RecordReader;
  /**
   * One JSON value that `fromJson` reads as the same record: bytes as one character a byte, longs as numbers or, beyond 2^53, as text, NaN
   * and infinities as text. The value of a union is `{"branch name": value}`, as in Avro's JSON encoding, where the value alone would be
   * read as another branch's; else the value alone.
   */
  toJson(record: RecordValue, form?: JsonForm): unknown;
  /**
   * The record that a JSON value stands for, written as `toJson` does. An object with one key that names a branch of a union, and a value
   * that fits that branch, is always read as this branch's value; any other value is of the first branch that it fits.
   * @param options.extra What the schema has no field for: `drop` leaves it out, `refuse` makes it an error. @default "drop"
   * @throws {DecodeError} naming the fields that do not fit, the first ten of many.
   */
  fromJson(json: unknown, options?: { extra?: "drop" | "refuse" }): RecordValue;
}

/** Port: how records become bytes. */
export interface Codec {
  /** @param schema JSON text or the parsed JSON. @throws {SchemaError} */
  parse(schema: unknown): RecordSchema;
}
