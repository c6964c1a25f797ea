import { findJsonError } from "../../base/text/json_error.ts";
import type { Path } from "../reading/places.ts";
import type { Report } from "../reading/findings.ts";
import { got } from "../reading/schema.ts";

const MAX_BYTES = 64 * 1024;
const MAX_DEPTH = 64;
/** Beyond this a text is not even parsed. */
const MAX_JSON_DEPTH = 500;

/** What an fs-source emits: one record per object (DESIGN.md 3). */
export const S3_LIST_SCHEMA = {
  type: "record",
  name: "s3list",
  namespace: "tech.athea.kosmos",
  fields: [
    { name: "url", type: "string" },
    { name: "lastModifiedUnixMilli", type: "long" },
    { name: "bucket", type: "string" },
    { name: "key", type: "string" },
  ],
} as const;

/** Finds what is wrong with an Avro schema beyond what this folder can see; undefined if nothing is. */
export type SchemaCheck = (schema: unknown) => string | undefined;

interface ReadOptions {
  path: Path;
  report: Report;
  check?: SchemaCheck;
}

/** Reads a `schema` value: JSON text, or the same as YAML. Returns undefined when something was reported. */
export function readRecordSchema(value: unknown, options: ReadOptions): unknown {
  const { path, report, check } = options;
  const schema = typeof value === "string" ? parseJson(value, options) : value;
  if (schema === undefined) return undefined;
  const problem = shapeProblem(schema) ?? tooLarge(schema) ?? check?.(schema);
  if (problem === undefined) return schema;
  report.error(path, problem);
  return undefined;
}

/** Fields of a record schema with the plain name of their type; a union is `union`. */
export function fieldsOf(schema: unknown): ReadonlyMap<string, string> {
  const fields = property(schema, "fields");
  const result = new Map<string, string>();
  if (!Array.isArray(fields)) return result;
  for (const field of fields) {
    const name = property(field, "name");
    if (typeof name === "string") result.set(name, typeName(property(field, "type")));
  }
  return result;
}

/** What keeps an fs-source from emitting records of this schema; undefined if nothing does. */
export function listSchemaProblem(schema: unknown): string | undefined {
  const fields = property(schema, "fields");
  if (!Array.isArray(fields)) return undefined;
  const wanted = new Map<string, string>(
    S3_LIST_SCHEMA.fields.map((field) => [field.name, field.type]),
  );
  const types = new Map(fields.map((field) => [property(field, "name"), property(field, "type")]));
  for (const [name, type] of wanted) {
    if (!types.has(name)) {
      return `an fs-source emits field "${name}" (${type}), which the schema lacks; add it, or leave schema out`;
    }
    const declared = types.get(name);
    const branches = Array.isArray(declared) ? declared.map(typeName) : [typeName(declared)];
    if (!branches.includes(type)) {
      return `field "${name}" of an fs-source is ${type}, not ${
        branches.join(" or ")
      }; change the type, or leave schema out`;
    }
  }
  for (const field of fields) {
    const name = property(field, "name");
    if (!wanted.has(String(name)) && property(field, "default") === undefined) {
      return `an fs-source cannot fill field ${
        JSON.stringify(name)
      }; give it a default, or remove it`;
    }
  }
  return undefined;
}

function parseJson(text: string, { path, report }: ReadOptions): unknown {
  if (new TextEncoder().encode(text).length > MAX_BYTES) {
    report.error(path, SIZE);
    return undefined;
  }
  const error = findJsonError(text, MAX_JSON_DEPTH);
  if (error) {
    report.error(
      path,
      `not valid JSON at ${error.line}:${error.column} of the schema; an Avro schema is JSON`,
    );
    return undefined;
  }
  const schema: unknown = JSON.parse(text);
  return schema;
}

const SIZE = `schema is too large (over ${MAX_BYTES} bytes); describe less`;

function shapeProblem(schema: unknown): string | undefined {
  const hint = 'write {"type": "record", "name": …, "fields": […]}';
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) {
    return `record with name required, got ${got(schema)}; ${hint}`;
  }
  const type = property(schema, "type");
  if (type !== "record") {
    return `record with name required, got type ${JSON.stringify(type) ?? "nothing"}; ${hint}`;
  }
  const name = property(schema, "name");
  if (typeof name !== "string" || name === "") {
    return `record with name required, got no name; ${hint}`;
  }
  if (!Array.isArray(property(schema, "fields"))) {
    return `record "${name}" has no list of fields; ${hint}`;
  }
  return undefined;
}

function tooLarge(schema: unknown): string | undefined {
  let level: unknown[] = [schema];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) {
      return `schema is nested too deeply (over ${MAX_DEPTH} levels); name inner types and refer to them`;
    }
    level = level.flatMap((value) =>
      typeof value === "object" && value !== null ? Object.values(value) : []
    );
  }
  return JSON.stringify(schema).length > MAX_BYTES ? SIZE : undefined;
}

function typeName(type: unknown): string {
  if (typeof type === "string") return type;
  if (Array.isArray(type)) return "union";
  const inner = property(type, "type");
  return inner === undefined ? "unknown" : typeName(inner);
}

function property(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
