import type { Headers, Publisher } from "../../broker/broker.ts";
import { MessageIds } from "../../broker/message_id.ts";
import type { FlowNames } from "../../broker/subjects.ts";
import { RecordError, type RecordSchema, type RecordValue } from "../../codec/codec.ts";
import type { Output, TaskPlan } from "../../pipeline/plan/plan.ts";
import type { Flight } from "./flight.ts";
import { Partition } from "./partition.ts";
import { sideReceipt } from "./side_receipt.ts";
import { SCHEMA_HEADER, type Schemas } from "./schemas.ts";

/** Bytes of a message kept free for headers, so that it still fits when it becomes a dead letter. */
const HEADER_RESERVE = 4096;

export interface OutputsOptions {
  flow: string;
  task: Pick<TaskPlan, "id" | "kind" | "outputs" | "partitionBy">;
  names: FlowNames;
  publisher: Pick<Publisher, "publish">;
  maxPayload: number;
  /** Stream that the task's deliveries come from. @default its own queue */
  inputStream?: string;
  /** Where the bytes of what is sent are added up. @default nowhere */
  bytes?: { out: number };
}

/** A record as bytes, and where it goes. */
export interface EncodedRecord {
  /** Absent where nobody takes the record. */
  readonly body: Uint8Array | undefined;
  readonly subjects: readonly string[];
  readonly headers: Headers;
}

/** The records of one call, ready to publish; a body is undefined where nobody takes it. */
export type Encoded = readonly (Uint8Array | undefined)[];

/** One way out of a task, ready to publish. */
interface Door {
  readonly schema: RecordSchema | undefined;
  readonly headers: Headers;
  readonly subjects: readonly string[];
  readonly ids: MessageIds;
  /** What its records are, for an error. */
  readonly what: string;
}

/** The outputs of one task: encodes once per record, publishes once per consumer. */
export class TaskOutputs {
  readonly #options: OutputsOptions;
  readonly #maxBody: number;
  #main: Door | undefined;
  #partition?: Partition;
  readonly #sides = new Map<string, Door>();
  readonly #bytes: { out: number };

  constructor(options: OutputsOptions) {
    this.#options = options;
    this.#bytes = options.bytes ?? { out: 0 };
    this.#maxBody = options.maxPayload - HEADER_RESERVE;
  }

  /** Registers the schemas. @param declared The function's own schema of the main output, which wins over the file's. */
  async open(schemas: Pick<Schemas, "register">, declared: unknown): Promise<void> {
    for (const output of this.#options.task.outputs) {
      const source = output.sideOut === undefined ? declared ?? output.schema : output.schema;
      const schema = source === undefined ? undefined : await schemas.register(source);
      const door = this.#door(output, schema);
      if (output.sideOut === undefined) this.#main = door;
      else this.#sides.set(output.sideOut, door);
    }
    this.#partition = this.#partitionOf(this.#options.task);
  }

  /** Schema of an output. Throws `RangeError` if there is no such side out, `TypeError` if it has no schema. */
  schema(sideOut?: string): RecordSchema {
    const { id } = this.#options.task;
    const schema = this.#find(sideOut).schema;
    if (schema === undefined) {
      throw new TypeError(
        `Task "${id}" has no schema for ${
          sideOut === undefined ? "its output" : `side out "${sideOut}"`
        }: ` +
          `give the task a schema in the pipeline file, or set schemaOut in open()`,
      );
    }
    return schema;
  }

  /**
   * Encodes everything a call returned, then publishes it. Returns the number of records.
   * Throws before anything is published if a record does not fit its schema or the broker.
   */
  publish(flight: Flight, returned: unknown): number {
    if (returned === undefined || returned === null) return 0;
    if (Array.isArray(returned)) return this.publishEncoded(flight, this.encode(returned));
    const door = this.#mainDoor();
    const body = this.#encode(door, returned);
    const headers = this.#partition?.headersOf(returned as RecordValue);
    this.#send(door, flight, body, door.ids.of(flight.delivery, 0), headers);
    return 1;
  }

  /** Encodes everything a call returned. Throws if a record does not fit its schema or the broker. */
  encode(returned: unknown): Encoded {
    if (returned === undefined || returned === null) return [];
    const door = this.#mainDoor();
    if (!Array.isArray(returned)) return [this.#encode(door, returned)];
    return returned.map((record, i) => this.#encode(door, record, i));
  }

  /** Publishes what `encode` gave. Returns the number of records. */
  publishEncoded(flight: Flight, encoded: Encoded): number {
    if (encoded.length === 0) return 0;
    const door = this.#mainDoor();
    for (let i = 0; i < encoded.length; i++) {
      this.#send(door, flight, encoded[i], door.ids.of(flight.delivery, i));
    }
    return encoded.length;
  }

  #mainDoor(): Door {
    if (this.#main !== undefined) return this.#main;
    throw new TypeError(`Task "${this.#options.task.id}" is a sink and returned a record`);
  }

  /** Throws what `publishSide` would throw of the record. */
  checkSide(sideOut: string, record: unknown): void {
    this.#encode(this.#find(sideOut), record);
  }

  /** Publishes one record to a side out at once. Throws if the record does not fit. */
  publishSide(flight: Flight, sideOut: string, record: unknown): Promise<void> {
    const door = this.#find(sideOut);
    const body = this.#encode(door, record);
    const id = door.ids.of(flight.delivery, flight.sideRecords++);
    if (body === undefined) return Promise.resolve();
    this.#bytes.out += body.length;
    const { receipt, stored } = sideReceipt(flight, door.subjects.length);
    const headers = flight.trace?.on(door.headers) ?? door.headers;
    for (const subject of door.subjects) {
      flight.expect();
      this.#options.publisher.publish(
        { subject, id, body, headers, parent: flight.delivery },
        receipt,
      );
    }
    return stored;
  }

  /** The bytes and places of a source's record; the caller gives the id. */
  encodeForSource(record: RecordValue): EncodedRecord {
    const door = this.#find(undefined);
    const body = this.#encode(door, record);
    this.#bytes.out += body?.length ?? 0;
    const headers = this.#partition?.headersOf(record) ?? door.headers;
    return { body, subjects: door.subjects, headers };
  }

  /** The bytes and places of a source's side record. Throws if there is no such side out or the record does not fit. */
  encodeSide(sideOut: string, record: unknown): EncodedRecord {
    const door = this.#find(sideOut);
    const body = this.#encode(door, record);
    this.#bytes.out += body?.length ?? 0;
    return { body, subjects: door.subjects, headers: door.headers };
  }

  /** The schema may be one that the function has declared, so its field is looked for here too. */
  #partitionOf({ id, kind, partitionBy }: OutputsOptions["task"]): Partition | undefined {
    const door = this.#main;
    if (partitionBy === undefined || kind !== "source" || door?.schema === undefined) {
      return undefined;
    }
    const { schema, headers } = door;
    if (schema.fields.has(partitionBy)) return new Partition(partitionBy, { schema, headers });
    throw new TypeError(
      `Cannot use partitionBy of task "${id}": its schema has no field "${partitionBy}"; name one of ${
        [...schema.fields.keys()].map((name) => `"${name}"`).join(", ")
      }`,
    );
  }

  #send(
    door: Door,
    flight: Flight,
    body: Uint8Array | undefined,
    id: string,
    headers = door.headers,
  ): void {
    if (body === undefined) return;
    this.#bytes.out += body.length;
    const { publisher } = this.#options;
    const sent = flight.trace?.on(headers) ?? headers;
    for (const subject of door.subjects) {
      flight.expect();
      publisher.publish({ subject, id, body, headers: sent, parent: flight.delivery }, flight);
    }
  }

  /** Undefined where nobody takes the record. @param index Its place in a list. */
  #encode(door: Door, record: unknown, index?: number): Uint8Array | undefined {
    if (door.subjects.length === 0) return undefined;
    let body: Uint8Array;
    try {
      body = door.schema!.encode(record);
    } catch (error) {
      throw misfit(error, door.what, index);
    }
    if (body.length > this.#maxBody) {
      throw new RecordError(
        `Cannot publish a record of ${body.length} bytes: the broker takes at most ${this.#maxBody}; ` +
          `put large content into the store and pass its bucket and key`,
        "",
      );
    }
    return body;
  }

  #find(sideOut: string | undefined): Door {
    const door = sideOut === undefined ? this.#main : this.#sides.get(sideOut);
    if (door !== undefined) return door;
    const { id } = this.#options.task;
    if (sideOut === undefined) throw new RangeError(`Task "${id}" is a sink and has no output`);
    const known = [...this.#sides.keys()].map((name) => `"${name}"`).join(", ");
    throw new RangeError(
      `Task "${id}" has no side out "${sideOut}"; it has ${known === "" ? "none" : known}`,
    );
  }

  #door(output: Output, schema: RecordSchema | undefined): Door {
    const { flow, task, names, inputStream = names.stream(task.id) } = this.#options;
    if (schema === undefined && output.consumers.length > 0) {
      const where = output.sideOut === undefined ? "output" : `side out "${output.sideOut}"`;
      throw new TypeError(
        `Task "${task.id}" has no schema for its ${where}: give it one in the pipeline file, or set schemaOut in open()`,
      );
    }
    return {
      schema,
      headers: schema === undefined ? {} : { [SCHEMA_HEADER]: schema.fingerprint },
      subjects: output.consumers.map((consumer) => names.edge(consumer, task.id, output.sideOut)),
      ids: new MessageIds({
        flow,
        task: task.id,
        output: output.sideOut ?? "",
        inputStream,
      }),
      what: whatOf(task, output.sideOut),
    };
  }
}

function whatOf({ id, kind }: OutputsOptions["task"], sideOut: string | undefined): string {
  if (sideOut !== undefined) return `What task "${id}" gave to side out "${sideOut}"`;
  return kind === "source" ? `A record of source "${id}"` : `What task "${id}" returned`;
}

/** Says of a record that does not fit where it comes from: the one that its task was given fits another schema. */
function misfit(error: unknown, what: string, index: number | undefined): unknown {
  if (!(error instanceof RecordError)) return error;
  const at = index === undefined ? "" : ` at [${index}]`;
  return new RecordError(`${what}${at} does not fit its schema: ${error.message}`, error.path);
}
