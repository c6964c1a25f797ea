import {
  type Codec,
  DecodeError,
  RecordError,
  type RecordSchema,
  SchemaError,
} from "../../codec/codec.ts";
import { reasonOf } from "../../base/errors.ts";
import { HttpError } from "../../http/http_error.ts";
import { findJsonError } from "../../base/text/json_error.ts";
import { readAvroContainer } from "../../codec/container_reader.ts";
import type { RecordKind } from "./content_kind.ts";
import type { RequestWork } from "../request_work.ts";

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
  /** What all of them may come to. */
  work: RequestWork;
}

const JSON_DEPTH = 512;
/** As on an edge: a larger record does not fit into a message. */
const MOST_RECORD_BYTES = 1 << 20;

/** The records in a body. @throws {HttpError} 400 naming the record and the field that are wrong, 413 where it holds too much. */
export async function readRecords(
  body: Uint8Array,
  options: ReadRecordsOptions,
): Promise<CalledRecords> {
  const { kind, work } = options;
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
      throw wrong(`The body is not a record of "${schema.name}": ${reasonOf(error)}`, { item: 0 });
    }
    return { schema, bodies: [body] };
  }
  const text = textOf(body);
  const values = kind === "json" ? jsonValues(text, work) : await jsonLines(text, work);
  const bodies: Uint8Array[] = [];
  for (const value of values) {
    bodies.push(work.pass(encoded(schema, value, { item: bodies.length, work })));
    await work.rest();
  }
  return { schema, bodies };
}

function jsonValues(text: string, work: RequestWork): readonly unknown[] {
  const value = parsed(text, "The body", 0);
  const values = Array.isArray(value) ? value : [value];
  work.expect(values.length);
  return values;
}

async function jsonLines(text: string, work: RequestWork): Promise<readonly unknown[]> {
  const values: unknown[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    work.expect(1);
    values.push(parsed(line, `Line ${index + 1}`, index));
    await work.rest();
  }
  return values;
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

function encoded(
  schema: RecordSchema,
  value: unknown,
  { item, work }: { item: number; work: RequestWork },
): Uint8Array {
  try {
    return schema.encode(schema.fromJson(value, { extra: "refuse" }), work.values);
  } catch (error) {
    const known = error instanceof RecordError || error instanceof DecodeError;
    const field = known ? error.path || undefined : undefined;
    throw wrong(`Record ${item} of the request is not a "${schema.name}": ${reasonOf(error)}`, {
      item,
      field,
    });
  }
}

async function fromContainer(
  body: Uint8Array,
  { schema, codec, work }: ReadRecordsOptions,
): Promise<CalledRecords> {
  try {
    const { mostBytes, values: budget } = work;
    const file = await readAvroContainer(body, { mostBytes, rest: () => work.rest() });
    for (const { count } of file.blocks) work.expect(count);
    const writer = codec.parse(file.schema);
    const target = schema ?? writer;
    const reader = target.fingerprint === writer.fingerprint ? writer : target.readerFor(writer);
    const limits = { budget, maxBytes: MOST_RECORD_BYTES };
    const bodies: Uint8Array[] = [];
    for (const { bytes, count } of file.blocks) {
      for (const record of reader.decodeEach(bytes, count, limits)) {
        bodies.push(work.pass(target.encode(record, budget)));
        await work.rest();
      }
    }
    return { schema: target, bodies };
  } catch (error) {
    const isOfRecords = error instanceof DecodeError || error instanceof RecordError ||
      error instanceof SchemaError;
    throw isOfRecords ? wrong(reasonOf(error), {}) : error;
  }
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
