import { type Codec, DecodeError, RecordError, type RecordSchema } from "../codec/codec.ts";
import { reasonOf } from "../errors.ts";
import { HttpError } from "../http/http_error.ts";
import { findJsonError } from "../json_error.ts";
import { readAvroContainer } from "./avro_container_reader.ts";
import type { RecordKind } from "./record_kind.ts";

export interface CalledRecords {
  readonly schema: RecordSchema;
  /** Bare Avro of that schema. */
  readonly bodies: readonly Uint8Array[];
}

export interface ReadRecordsOptions {
  kind: RecordKind;
  /** Of the edge that the records stand for; undefined where the pipeline does not give it. */
  schema: RecordSchema | undefined;
  codec: Codec;
  /** Bytes of a container file that is unpacked. */
  mostBytes: number;
}

const JSON_DEPTH = 512;
/** Empty records take no bytes at all. */
const MOST_RECORDS = 100_000;

/** The records in a body. @throws {HttpError} 400 naming the record and the field that are wrong. */
export async function readRecords(
  body: Uint8Array,
  options: ReadRecordsOptions,
): Promise<CalledRecords> {
  const { kind } = options;
  if (kind === "container") return await fromContainer(body, options);
  const { schema } = options;
  if (schema === undefined) {
    throw new HttpError(400, "The schema of these records is not known here", {
      hint:
        "give the task that they come from a schema in the pipeline file, or send an Avro container file (application/avro)",
    });
  }
  if (kind === "avro") {
    try {
      schema.decode(body);
    } catch (error) {
      throw wrong(`The body is no record of "${schema.name}": ${reasonOf(error)}`, { item: 0 });
    }
    return { schema, bodies: [body] };
  }
  const text = textOf(body);
  const values = kind === "json" ? jsonValues(text) : jsonLines(text);
  atMost(values.length);
  return { schema, bodies: values.map((value, item) => encoded(schema, value, item)) };
}

function jsonValues(text: string): readonly unknown[] {
  const value = parsed(text, "The body", 0);
  return Array.isArray(value) ? value : [value];
}

function jsonLines(text: string): readonly unknown[] {
  return text.split("\n")
    .map((line, index) => ({ line, index }))
    .filter(({ line }) => line.trim() !== "")
    .map(({ line, index }) => parsed(line, `Line ${index + 1}`, index));
}

function parsed(text: string, what: string, before: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const found = findJsonError(text, JSON_DEPTH);
    const where = found === undefined
      ? ""
      : ` (${found.problem} at line ${found.line + before}, column ${found.column})`;
    throw wrong(`${what} is no JSON${where}`, {});
  }
}

function encoded(schema: RecordSchema, value: unknown, item: number): Uint8Array {
  try {
    return schema.encode(schema.fromJson(value, { extra: "refuse" }));
  } catch (error) {
    const known = error instanceof RecordError || error instanceof DecodeError;
    const field = known ? error.path || undefined : undefined;
    throw wrong(`Record ${item} is no "${schema.name}": ${reasonOf(error)}`, { item, field });
  }
}

async function fromContainer(
  body: Uint8Array,
  { schema, codec, mostBytes }: ReadRecordsOptions,
): Promise<CalledRecords> {
  try {
    const file = await readAvroContainer(body, mostBytes);
    const writer = codec.parse(file.schema);
    atMost(file.blocks.reduce((sum, { count }) => sum + count, 0));
    const target = schema ?? writer;
    const reader = target.fingerprint === writer.fingerprint ? writer : target.readerFor(writer);
    const records = file.blocks.flatMap(({ bytes, count }) => reader.decodeAll(bytes, count));
    return { schema: target, bodies: records.map((record) => target.encode(record)) };
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw wrong(reasonOf(error), {});
  }
}

function atMost(count: number): void {
  if (count <= MOST_RECORDS) return;
  throw new HttpError(413, `The body holds more than ${MOST_RECORDS} records`, {
    hint: "send fewer records at once",
  });
}

function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw wrong("The body is no UTF-8", {});
  }
}

function wrong(problem: string, fields: { item?: number; field?: string }): HttpError {
  return new HttpError(400, problem, { hint: "correct it and send it again", fields });
}
