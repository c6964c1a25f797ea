import type { Delivery } from "../../broker/broker.ts";
import type { StateEntry, StateStore } from "../../broker/state_store.ts";
import { FlowNames } from "../../broker/subjects.ts";
import { type Codec, DecodeError, type RecordSchema } from "../../codec/codec.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { aborted, growingDelay, waitAtMost } from "../../base/time/waiting.ts";
import { schemaCache } from "./schema_cache.ts";

/** Header with the fingerprint of the schema that a message was written with. */
export const SCHEMA_HEADER = "Kflow-Schema";

const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 4000;

/** The worker stopped while the schema of a message could not be fetched: no fault of the message. */
export class SchemaUnreachable extends Error {
  override readonly name = "SchemaUnreachable";
}

export interface SchemasOptions {
  readonly codec: Codec;
  readonly state: StateStore;
  readonly flow: string;
  /** Where schemas of messages are looked up: how long to wait for a server that does not answer, and where to say so. */
  readonly lookUp?: { readonly stop: AbortSignal; readonly log: Logger };
}

/**
 * Which schema each message was written with. Producers register theirs before they publish, so that a message can be read however often
 * the producer is redeployed with another one.
 */
export class Schemas {
  readonly #options: SchemasOptions;
  readonly #key: (fingerprint: string) => string;
  readonly #known = schemaCache<RecordSchema>();
  /** Schemas that are being fetched, once for all messages that wait for them. */
  readonly #fetching = new Map<string, Promise<RecordSchema>>();

  constructor(options: SchemasOptions) {
    this.#options = options;
    const names = new FlowNames(options.flow);
    this.#key = (fingerprint) => names.state("schema", fingerprint);
  }

  /** Reads a schema and makes it known to every worker of the flow. */
  async register(source: unknown): Promise<RecordSchema> {
    const schema = this.#options.codec.parse(source);
    if (this.#known.get(schema.fingerprint) === undefined) {
      // Written in any case: what is there already may be wrong.
      await this.#options.state.put(this.#key(schema.fingerprint), schema.text);
      this.#known.set(schema.fingerprint, schema);
    }
    return schema;
  }

  /**
   * The schema of a message; a promise only for the first message of a schema. While the server that has it does not answer, the promise
   * waits.
   * @throws {DecodeError} if it is not known anywhere, or is not the one that the message names. {SchemaUnreachable}
   */
  of(delivery: Delivery): RecordSchema | Promise<RecordSchema> {
    const fingerprint = delivery.header(SCHEMA_HEADER);
    if (fingerprint === undefined) {
      throw new DecodeError(`Cannot decode: the message has no header "${SCHEMA_HEADER}"`);
    }
    return this.#known.get(fingerprint) ?? this.#fetched(fingerprint);
  }

  #fetched(fingerprint: string): Promise<RecordSchema> {
    const running = this.#fetching.get(fingerprint);
    if (running !== undefined) return running;
    const fetching = this.#fetch(fingerprint).finally(() => this.#fetching.delete(fingerprint));
    this.#fetching.set(fingerprint, fetching);
    return fetching;
  }

  async #fetch(fingerprint: string): Promise<RecordSchema> {
    if (!/^[0-9a-f]{16}$/.test(fingerprint)) {
      const shown = JSON.stringify(fingerprint.slice(0, 40));
      throw new DecodeError(
        `Cannot decode: header "${SCHEMA_HEADER}" is ${shown}, not 16 hexadecimal digits`,
      );
    }
    const entry = await this.#entry(fingerprint);
    if (entry === undefined) {
      throw new DecodeError(
        `Cannot decode: no schema with fingerprint ${fingerprint} is registered`,
      );
    }
    const schema = this.#read(fingerprint, entry.value);
    this.#known.set(fingerprint, schema);
    return schema;
  }

  /** Reads what is stored under a fingerprint. Anyone who may write there could have put something else. */
  #read(fingerprint: string, text: string): RecordSchema {
    const what = `the schema that is stored under fingerprint ${fingerprint}`;
    let schema: RecordSchema;
    try {
      schema = this.#options.codec.parse(text);
    } catch (error) {
      throw new DecodeError(`Cannot decode: ${what} is not usable: ${reasonOf(error)}`, {
        cause: error,
      });
    }
    if (schema.fingerprint === fingerprint) return schema;
    throw new DecodeError(
      `Cannot decode: ${what} is another one, of fingerprint ${schema.fingerprint}; ` +
        `restart the producer, which stores the right one`,
    );
  }

  async #entry(fingerprint: string): Promise<StateEntry | undefined> {
    const { state, lookUp } = this.#options;
    for (let failures = 0;; failures++) {
      try {
        return await state.get(this.#key(fingerprint));
      } catch (error) {
        if (lookUp === undefined) throw error;
        const { stop, log } = lookUp;
        const delayMs = growingDelay(failures, {
          first: FIRST_DELAY_MS,
          longest: LONGEST_DELAY_MS,
        });
        if (!stop.aborted) {
          log.warning(`Cannot fetch the schema of a message, trying again in ${delayMs} ms`, {
            fingerprint,
            reason: reasonOf(error),
          });
          await waitAtMost(aborted(stop), delayMs);
        }
        if (stop.aborted) {
          throw new SchemaUnreachable(
            `Cannot fetch the schema with fingerprint ${fingerprint}: ${reasonOf(error)}`,
            { cause: error },
          );
        }
      }
    }
  }
}
