import type { Headers } from "../../broker/broker.ts";
import type { RecordSchema, RecordValue } from "../../codec/codec.ts";
import { fieldValue } from "../../codec/field_value.ts";

/** Header with the value of the source's `partitionBy` field. */
export const PARTITION_HEADER = "Kflow-Partition";
/** Characters: dead letters need room for headers of their own. */
const LONGEST = 512;

/** Puts the value of one field into the headers of each record, for sources with `partitionBy`. */
export class Partition {
  readonly #field: string;
  readonly #headers: Headers;
  readonly #missing: unknown;
  /** The last value and its headers: records of one partition often follow one another. */
  #last: unknown;
  #lastHeaders: Headers;

  /** @param options.headers What every message of the output has. */
  constructor(field: string, options: { schema: RecordSchema; headers: Headers }) {
    this.#field = field;
    this.#headers = options.headers;
    this.#missing = fieldValue(options.schema.newRecord(), field);
    this.#last = null;
    this.#lastHeaders = options.headers;
  }

  /** Null has no header. */
  headersOf(record: RecordValue): Headers {
    const value = fieldValue(record, this.#field) ?? this.#missing ?? null;
    if (value === this.#last) return this.#lastHeaders;
    this.#last = value;
    return this.#lastHeaders = value === null
      ? this.#headers
      : { ...this.#headers, [PARTITION_HEADER]: headerText(String(value)) };
  }
}

/** One line of visible ASCII: all else, and the percent sign, as `%` and two hexadecimal digits a byte of UTF-8. */
function headerText(text: string): string {
  const bytes = new TextEncoder().encode(text.slice(0, LONGEST));
  let coded = "";
  for (const byte of bytes) {
    coded += byte > 32 && byte < 127 && byte !== 37
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return coded.slice(0, LONGEST);
}
