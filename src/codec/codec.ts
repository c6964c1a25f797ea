/** A record, as user code sees it: field name to value. */
export type RecordValue = Record<string, unknown>;

/** A schema that cannot be used. The message names the place inside the schema. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
}

/** A record that does not fit its schema. `path` is the field, such as `address.street` or `tags[3]`. */
export class RecordError extends Error {
  override readonly name = "RecordError";
  constructor(message: string, readonly path: string) {
    super(message);
  }
}

/** Bytes that are not a message of this schema: truncated, too long, counts beyond the limits, too deep. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

/** Reads messages of one schema. Synchronous: the record path makes no promise per record. */
export interface RecordReader {
  /**
   * A plain object, bytes in memory of their own. A `long` is a number, beyond 2^53 a bigint.
   * @throws {DecodeError} Bounded in time and memory for any input.
   */
  decode(body: Uint8Array): RecordValue;
  /** So many records, one after the other in the same bytes, as in a block of a container file. @throws {DecodeError} likewise. */
  decodeAll(bytes: Uint8Array, count: number): RecordValue[];
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
   * @throws {RecordError} naming the first field that does not fit.
   */
  encode(record: unknown): Uint8Array;
  /** A record with the schema's defaults: declared ones, else zero, empty, the first symbol, the first branch. */
  newRecord(): RecordValue;
  /**
   * Reads messages that were written with `writer` as records of this schema.
   * @throws {SchemaError} if the Avro rules of schema resolution do not allow it, naming the field.
   */
  readerFor(writer: RecordSchema): RecordReader;
  /** One JSON value for people and sinks: bytes as one character a byte, longs as numbers (beyond 2^53 as strings), unions without wrapping, NaN and infinities as null. */
  toJson(record: RecordValue): unknown;
  /**
   * What `toJson` gave as a record again, as far as its types tell: one character a byte becomes bytes, a decimal text a long. What does not fit is left as it
   * is, for `encode` to name.
   */
  fromJson(json: unknown): unknown;
}

/** Port: how records become bytes. */
export interface Codec {
  /** @param schema JSON text or the parsed JSON. @throws {SchemaError} */
  parse(schema: unknown): RecordSchema;
}
