import { nearest } from "../nearest.ts";
import { fieldValue } from "./field_value.ts";
import { MAX_DEPTH } from "./max_depth.ts";
import { branchName, kindOfValue, type SchemaNode, valueKind } from "./schema_node.ts";

/** The first place where a value does not fit its schema. */
export interface Mismatch {
  /** Such as `address.street` or `tags[3]`; empty for the record itself. */
  readonly path: string;
  readonly problem: string;
}

const MAX_FLOAT = 3.4028234663852886e38;

/**
 * Looks for the place that made encoding fail. The encoder itself keeps no path, so that records that fit pay nothing for it; the
 * rules here are those of `avro_guards.ts`.
 */
export function findMismatch(
  node: SchemaNode,
  value: unknown,
  path = "",
  depth = 0,
): Mismatch | undefined {
  const wrong = (what: string = node.kind): Mismatch => ({
    path,
    problem: `expected ${what}, got ${show(value)}`,
  });
  switch (node.kind) {
    case "null":
      return value === null || value === undefined ? undefined : wrong();
    case "boolean":
      return typeof value === "boolean" ? undefined : wrong();
    case "int":
      if (typeof value !== "number") return wrong();
      if (!Number.isInteger(value)) return wrong();
      return value === (value | 0) ? undefined : wrong("int (32 bits)");
    case "long":
      return longMismatch(value, path);
    case "float":
      if (typeof value !== "number") return wrong();
      return Math.abs(value) > MAX_FLOAT && Math.abs(value) !== Infinity
        ? wrong("float (32 bits)")
        : undefined;
    case "double":
      return typeof value === "number" ? undefined : wrong();
    case "string":
      return typeof value === "string" ? undefined : wrong();
    case "bytes":
      return value instanceof Uint8Array ? undefined : wrong("bytes (a Uint8Array)");
    case "fixed":
      if (!(value instanceof Uint8Array)) return wrong("fixed (a Uint8Array)");
      return value.length === node.size
        ? undefined
        : { path, problem: `expected ${node.size} bytes, got ${value.length} bytes` };
    case "enum":
      if (typeof value !== "string") return wrong();
      return node.known.has(value) ? undefined : wrong(`one of ${listOf(node.symbols)}`);
    case "array":
      if (!Array.isArray(value)) return wrong();
      return firstOf(value.keys(), (i) => {
        return findMismatch(node.items, value[i], `${path}[${i}]`, depth);
      });
    case "map":
      if (kindOfValue(value) !== "object") return wrong();
      return firstOf(Object.entries(Object(value)), ([key, one]) => {
        return findMismatch(node.values, one, join(path, key), depth);
      });
    case "record":
      return recordMismatch(node, value, path, depth);
    case "union":
      return unionMismatch(node, value, path, depth);
  }
}

function longMismatch(value: unknown, path: string): Mismatch | undefined {
  if (typeof value === "bigint") {
    if (BigInt.asIntN(64, value) === value) return undefined;
    return { path, problem: `expected long (64 bits), got ${value}` };
  }
  if (typeof value !== "number" || !Number.isInteger(value)) {
    return { path, problem: `expected long, got ${show(value)}` };
  }
  if (Number.isSafeInteger(value)) return undefined;
  return {
    path,
    problem: `expected long, got ${value}; give numbers beyond 2^53 as bigint, in JSON as text`,
  };
}

function recordMismatch(
  node: SchemaNode & { kind: "record" },
  value: unknown,
  path: string,
  depth: number,
): Mismatch | undefined {
  if (depth >= MAX_DEPTH) return { path, problem: `nested deeper than ${MAX_DEPTH} records` };
  if (kindOfValue(value) !== "object") {
    return { path, problem: `expected record ${node.name}, got ${show(value)}` };
  }
  const record: Readonly<Record<string, unknown>> = Object(value);
  for (const field of node.fields) {
    const one = fieldValue(record, field.name);
    if (one === undefined && (field.default || acceptsNull(field.type))) continue;
    const at = join(path, field.name);
    if (one === undefined) {
      const hint = nearest(field.name, unknownKeys(node, record));
      const meant = hint ? `; did you mean it by "${hint}"?` : "";
      return { path: at, problem: `missing, expected ${describeType(field.type)}${meant}` };
    }
    const found = findMismatch(field.type, one, at, depth + 1);
    if (found) return found;
  }
  const [extra] = unknownKeys(node, record);
  if (extra === undefined) return undefined;
  const names = node.fields.map((field) => field.name);
  const hint = nearest(extra, names);
  return {
    path: join(path, extra),
    problem: `${node.name} has no such field; ${
      hint ? `did you mean "${hint}"?` : `fields are ${listOf(names)}`
    }`,
  };
}

/** Keys of a record that are no fields. One whose value is undefined counts as absent. */
export function unknownKeys(
  node: SchemaNode & { kind: "record" },
  record: Readonly<Record<string, unknown>>,
): string[] {
  const names = new Set(node.fields.map((field) => field.name));
  return Object.keys(record).filter((key) => !names.has(key) && record[key] !== undefined);
}

/** Whether an absent value can be written as null. */
export function acceptsNull(node: SchemaNode): boolean {
  if (node.kind === "null") return true;
  return node.kind === "union" && node.branches.some((branch) => branch.kind === "null");
}

function unionMismatch(
  node: SchemaNode & { kind: "union" },
  value: unknown,
  path: string,
  depth: number,
): Mismatch | undefined {
  const kind = kindOfValue(value);
  const names = node.branches.map(branchName);
  if (kind === "null" && acceptsNull(node)) return undefined;
  if (!node.wrapped) {
    const branch = node.branches.find((one) => valueKind(one) === kind);
    if (branch) return findMismatch(branch, value, path, depth);
    return { path, problem: `expected ${listOf(names, "or")}, got ${show(value)}` };
  }
  const keys = kind === "object" ? Object.keys(Object(value)) : [];
  const branch = keys.length === 1 && node.branches.find((one) => branchName(one) === keys[0]);
  if (branch) {
    const wrappedValue: unknown = Object(value)[keys[0]!];
    return findMismatch(branch, wrappedValue, join(path, keys[0]!), depth);
  }
  const example = names.find((name) => name !== "null") ?? names[0];
  const form = `{ "${example}": … }`;
  return {
    path,
    problem: `expected a branch of ${listOf(names, "or")} written as ${form}, got ${show(value)}`,
  };
}

function describeType(node: SchemaNode): string {
  if (node.kind === "union") return listOf(node.branches.map(branchName), "or");
  return node.kind === "record" ? `record ${node.name}` : node.kind;
}

function firstOf<T>(
  items: Iterable<T>,
  look: (item: T) => Mismatch | undefined,
): Mismatch | undefined {
  for (const item of items) {
    const found = look(item);
    if (found) return found;
  }
  return undefined;
}

function listOf(words: readonly string[], last = "and"): string {
  const shown = words.length > 12 ? [...words.slice(0, 11), `${words.length - 11} more`] : words;
  if (shown.length < 2) return shown.join();
  return `${shown.slice(0, -1).join(", ")} ${last} ${shown.at(-1)}`;
}

function join(path: string, part: string): string {
  return path === "" ? part : `${path}.${part}`;
}

/** A value in a few words: error texts go to logs, and must not carry whole documents there. */
export function show(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 37)}...` : value);
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return `a list of ${value.length}`;
      if (value instanceof Uint8Array) return `${value.length} bytes`;
      return Symbol.toStringTag in value || value instanceof Date
        ? `a ${Object.prototype.toString.call(value).slice(8, -1)}`
        : "an object";
    case "function":
    case "symbol":
      return `a ${typeof value}`;
    case "bigint":
      return `${value}n`;
    default:
      return String(value);
  }
}
