import { shortened } from "../../base/text/shortened.ts";
import { SchemaError } from "../codec.ts";
import { show } from "./mismatch.ts";
import { branchName, type SchemaNode } from "./schema_node.ts";

const FIRST = ", the first branch of the union";
const MAX_DEPTH = 64;

/**
 * What all defaults of a schema may come to. Those of records fill in further defaults, so that a few hundred bytes of schema can stand
 * for millions of values.
 */
export interface DefaultBudget {
  values: number;
  /** Characters of texts and bytes. */
  characters: number;
}

export function defaultBudget(): DefaultBudget {
  return { values: 10_000, characters: 64 * 1024 };
}

/**
 * The value that a default of the schema's JSON stands for: bytes are written as a text of one character a byte, and a union's default
 * belongs to its first branch (Avro specification, "Complex Types", records).
 *
 * @throws {SchemaError} naming the place.
 */
export function defaultValue(
  node: SchemaNode,
  json: unknown,
  place: string,
  budget: DefaultBudget = defaultBudget(),
): unknown {
  return read(node, json, { place, budget, depth: 0, note: "" });
}

/** How many values a default is, with all that it fills in. */
export function countDefault(node: SchemaNode, json: unknown): number {
  const budget = defaultBudget();
  const before = budget.values;
  defaultValue(node, json, "", budget);
  return before - budget.values;
}

interface Scope {
  readonly place: string;
  readonly budget: DefaultBudget;
  readonly depth: number;
  readonly note: string;
}

function read(node: SchemaNode, json: unknown, scope: Scope): unknown {
  const { place, budget, depth, note } = scope;
  const wrong = (): never => {
    throw new SchemaError(`schema ${place}: ${showJson(json)} is not ${aOrAn(node.kind)}${note}`);
  };
  const inside = (type: SchemaNode, one: unknown, at: string) =>
    read(type, one, { place: place + at, budget, depth: depth + 1, note: "" });
  budget.values--;
  if (typeof json === "string") budget.characters -= json.length;
  if (budget.values < 0 || budget.characters < 0 || depth > MAX_DEPTH) {
    throw new SchemaError(
      `schema ${
        shortened(place, 80)
      }: the defaults come to too many values; defaults of records fill in ` +
        "the defaults of their fields",
    );
  }
  switch (node.kind) {
    case "null":
      return json === null ? null : wrong();
    case "boolean":
      return typeof json === "boolean" ? json : wrong();
    case "int":
      return typeof json === "number" && json === (json | 0) ? json : wrong();
    case "long":
      return Number.isSafeInteger(json) ? json : wrong();
    case "float":
    case "double":
      return typeof json === "number" ? json : wrong();
    case "string":
      return typeof json === "string" ? json : wrong();
    case "bytes":
    case "fixed": {
      // deno-lint-ignore no-control-regex
      if (typeof json !== "string" || !/^[\u0000-\u00ff]*$/.test(json)) return wrong();
      if (node.kind === "fixed" && json.length !== node.size) return wrong();
      return Uint8Array.from(json, (character) => character.charCodeAt(0));
    }
    case "enum":
      return typeof json === "string" && node.known.has(json) ? json : wrong();
    case "array":
      if (!Array.isArray(json)) return wrong();
      return json.map((one, i) => inside(node.items, one, `[${i}]`));
    case "map":
      if (!isObject(json)) return wrong();
      return Object.fromEntries(
        Object.entries(json).map(([key, one]) => [key, inside(node.values, one, `.${key}`)]),
      );
    case "record":
      if (!isObject(json)) return wrong();
      return Object.fromEntries(node.fields.map((field) => {
        const given = Object.hasOwn(json, field.name) ? json[field.name] : field.default?.json;
        if (given === undefined) {
          throw new SchemaError(
            `schema ${place}.${field.name}: the default of record "${node.name}" lacks it`,
          );
        }
        return [field.name, inside(field.type, given, `.${field.name}`)];
      }));
    case "union": {
      const [first] = node.branches;
      return wrapped(node, 0, read(first!, json, { ...scope, depth: depth + 1, note: FIRST }));
    }
  }
}

/** The value a new record's field starts with: the declared default, else zero, empty, the first symbol, the first branch. */
export function emptyValue(node: SchemaNode, open: readonly string[] = []): unknown {
  switch (node.kind) {
    case "null":
      return null;
    case "boolean":
      return false;
    case "int":
    case "long":
    case "float":
    case "double":
      return 0;
    case "string":
      return "";
    case "bytes":
      return new Uint8Array(0);
    case "fixed":
      return new Uint8Array(node.size);
    case "enum":
      return node.default ?? node.symbols[0];
    case "array":
      return [];
    case "map":
      return {};
    case "record": {
      if (open.includes(node.name)) {
        throw new SchemaError(`Cannot make a new record: "${node.name}" always contains itself`);
      }
      const inner = [...open, node.name];
      return Object.fromEntries(node.fields.map((field) => [
        field.name,
        field.default
          ? defaultValue(field.type, field.default.json, field.name)
          : emptyValue(field.type, inner),
      ]));
    }
    case "union": {
      const ends = node.branches.findIndex((one) => !open.includes(branchName(one)));
      const index = Math.max(0, ends);
      return wrapped(node, index, emptyValue(node.branches[index]!, open));
    }
  }
}

function wrapped(node: SchemaNode & { kind: "union" }, index: number, value: unknown): unknown {
  if (!node.wrapped || value === null) return value;
  return { [branchName(node.branches[index]!)]: value };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function showJson(value: unknown): string {
  const text = JSON.stringify(value) ?? show(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function aOrAn(kind: string): string {
  return /^[aei]/.test(kind) ? `an ${kind}` : kind === "null" ? kind : `a ${kind}`;
}
