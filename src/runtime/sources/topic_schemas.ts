import type { Delivery } from "../../broker/broker.ts";
import {
  DecodeError,
  type JsonForm,
  type RecordReader,
  type RecordSchema,
  type RecordValue,
} from "../../codec/codec.ts";
import { reasonOf } from "../../base/errors.ts";
import { schemaCache } from "../records/schema_cache.ts";
import { SCHEMA_HEADER, type Schemas } from "../records/schemas.ts";

export interface TopicSchemasOptions {
  /** Of what the source emits. */
  readonly schema: RecordSchema;
  /** Where the schemas lie that headers name. */
  readonly written: Pick<Schemas, "of">;
  /** What messages without such a header are. */
  readonly format: "avro" | "json";
}

/**
 * How messages of a topic are read. Those that name the schema they were written with are Avro of that schema and become records of the source's; of the
 * others the format is the source's word.
 */
export class TopicSchemas {
  readonly #options: TopicSchemasOptions;
  readonly #plain: RecordSchema;
  readonly #known = schemaCache<RecordSchema | DecodeError>();

  constructor(options: TopicSchemasOptions) {
    this.#options = options;
    const { schema, format } = options;
    this.#plain = format === "avro" ? schema : readAs(schema, jsonReader(schema));
  }

  /** As `Schemas.of`, but what is decoded is a record of the source's schema. */
  of(delivery: Delivery): RecordSchema | Promise<RecordSchema> {
    const fingerprint = delivery.header(SCHEMA_HEADER);
    if (fingerprint === undefined) return this.#plain;
    const known = this.#known.get(fingerprint);
    if (known instanceof DecodeError) throw known;
    return known ?? this.#resolve(delivery, fingerprint);
  }

  async #resolve(delivery: Delivery, fingerprint: string): Promise<RecordSchema> {
    const { schema, written } = this.#options;
    const writer = await written.of(delivery);
    const resolved = resolvedTo(schema, writer);
    this.#known.set(fingerprint, resolved);
    if (resolved instanceof DecodeError) throw resolved;
    return resolved;
  }
}

/** The schema as it reads messages of another one; the error if it cannot, which comparing the two again would only repeat. */
function resolvedTo(schema: RecordSchema, writer: RecordSchema): RecordSchema | DecodeError {
  if (writer.fingerprint === schema.fingerprint) return schema;
  try {
    return readAs(schema, schema.readerFor(writer));
  } catch (error) {
    return new DecodeError(reasonOf(error), { cause: error });
  }
}

function jsonReader(schema: RecordSchema): MessageReader {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return {
    decode(body) {
      let json: unknown;
      try {
        json = JSON.parse(decoder.decode(body));
      } catch (error) {
        throw new DecodeError(
          `Cannot decode message of ${body.length} bytes as JSON: ${reasonOf(error)}`,
          { cause: error },
        );
      }
      try {
        return schema.fromJson(json);
      } catch (error) {
        throw new DecodeError(`Cannot read JSON as a record: ${reasonOf(error)}`, { cause: error });
      }
    },
  };
}

/** What reads one message. */
type MessageReader = Pick<RecordReader, "decode">;

/** A schema whose records come in another form. */
function readAs(schema: RecordSchema, reader: MessageReader): RecordSchema {
  return {
    name: schema.name,
    text: schema.text,
    fingerprint: schema.fingerprint,
    fields: schema.fields,
    decode: (body: Uint8Array) => reader.decode(body),
    decodeEach: (bytes, count, limits) => schema.decodeEach(bytes, count, limits),
    encode: (record, budget) => schema.encode(record, budget),
    newRecord: () => schema.newRecord(),
    readerFor: (writer: RecordSchema) => schema.readerFor(writer),
    toJson: (record: RecordValue, form?: JsonForm) => schema.toJson(record, form),
    fromJson: (json, options) => schema.fromJson(json, options),
  };
}
