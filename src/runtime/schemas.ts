import type { Delivery } from "../broker/broker.ts";
import type { StateStore } from "../broker/state.ts";
import { FlowNames } from "../broker/subjects.ts";
import { type Codec, DecodeError, type RecordSchema } from "../codec/codec.ts";

/** Header with the fingerprint of the schema that a message was written with. */
export const SCHEMA_HEADER = "Kflow-Schema";

/**
 * Which schema each message was written with. Producers register theirs before they publish, so that a message can be read however often
 * the producer is redeployed with another one.
 */
export class Schemas {
  readonly #codec: Codec;
  readonly #state: StateStore;
  readonly #key: (fingerprint: string) => string;
  readonly #known = new Map<string, RecordSchema>();

  constructor(options: { codec: Codec; state: StateStore; flow: string }) {
    this.#codec = options.codec;
    this.#state = options.state;
    const names = new FlowNames(options.flow);
    this.#key = (fingerprint) => names.state("schema", fingerprint);
  }

  /** Reads a schema and makes it known to every worker of the flow. */
  async register(source: unknown): Promise<RecordSchema> {
    const schema = this.#codec.parse(source);
    if (!this.#known.has(schema.fingerprint)) {
      const key = this.#key(schema.fingerprint);
      if (await this.#state.get(key) === undefined) await this.#state.put(key, schema.text);
      this.#known.set(schema.fingerprint, schema);
    }
    return schema;
  }

  /** The schema of a message; a promise only for the first message of a schema. Rejects with `DecodeError` if it is not known anywhere. */
  of(delivery: Delivery): RecordSchema | Promise<RecordSchema> {
    const fingerprint = delivery.header(SCHEMA_HEADER);
    if (fingerprint !== undefined) {
      const known = this.#known.get(fingerprint);
      if (known !== undefined) return known;
    }
    return this.#lookUp(fingerprint);
  }

  async #lookUp(fingerprint: string | undefined): Promise<RecordSchema> {
    if (fingerprint === undefined) {
      throw new DecodeError(`Cannot decode: the message has no header "${SCHEMA_HEADER}"`);
    }
    if (!/^[0-9a-f]{16}$/.test(fingerprint)) {
      throw new DecodeError(
        `Cannot decode: header "${SCHEMA_HEADER}" is ${
          JSON.stringify(fingerprint)
        }, not 16 hexadecimal digits`,
      );
    }
    const entry = await this.#state.get(this.#key(fingerprint));
    if (entry === undefined) {
      throw new DecodeError(
        `Cannot decode: no schema with fingerprint ${fingerprint} is registered`,
      );
    }
    const schema = this.#codec.parse(entry.value);
    this.#known.set(fingerprint, schema);
    return schema;
  }
}
