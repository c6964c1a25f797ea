import { nearest } from "../../base/text/nearest.ts";
import { fieldValue } from "../field_value.ts";
import { MAX_DEPTH } from "./max_depth.ts";
import {
  branchName,
  kindOfValue,
  type RecordNode,
  type SchemaNode,
  type UnionNode,
  valueKind,
} from "./schema_node.ts";

/** A place where a value does not fit its schema. */
export interface Mismatch {
  /** Such as `address.street` or `tags[3]`; empty for the record itself. */
  readonly path: string;
  readonly problem: string;
}

/** Shown of a value that is wrong in many places. */
const MOST_SHOWN = 10;
/** Counted: who has so many does not need to know how many. */
const MOST_COUNTED = 1_000;
/** Characters of a key in a path: the key of a map may be a whole text. */
const MOST_OF_KEY = 80;
const MAX_FLOAT = 3.4028234663852886e38;

/** All places where a value does not fit, in words; undefined if it fits. `path` is that of the first. @param name What stands for the path of the record itself. */
export function findMismatches(
  node: SchemaNode,
  value: unknown,
  name: string,
): Mismatch | undefined {
  const search = new MismatchSearch(MOST_COUNTED);
  try {
    search.look(node, value, "", 0);
  } catch (error) {
    // A getter of the user's threw. What was found before is what made encoding fail.
    if (search.count === 0) throw error;
  }
  const { found, count } = search;
  const [first] = found;
  if (first === undefined) return undefined;
  const said = found.map(({ path, problem }) => [path || name, problem].filter(Boolean).join(": "));
  if (count === 1) return { path: first.path, problem: said.join() };
  const number = count < MOST_COUNTED ? String(count) : `at least ${count}`;
  if (count > found.length) said.push(`and ${count - found.length} more`);
  return { path: first.path, problem: `${number} values do not fit: ${said.join("; ")}` };
}

/** Whether a value fits. */
export function fitsSchema(node: SchemaNode, value: unknown): boolean {
  const search = new MismatchSearch(1);
  search.look(node, value, "", 0);
  return search.count === 0;
}

/**
 * Looks for the places that made encoding fail. The encoder itself keeps no path, so that records that fit pay nothing for it; the
 * rules here are those of `avro_guards.ts`.
 */
class MismatchSearch {
  /** The first of them. */
  readonly found: Mismatch[] = [];
  count = 0;
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  look(node: SchemaNode, value: unknown, path: string, depth: number): void {
    const wrong = (what: string = node.kind) =>
      this.#add(path, `expected ${what}, got ${show(value)}`);
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
        return this.#lookAtLong(value, path);
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
        if (value.length === node.size) return;
        return this.#add(path, `expected ${node.size} bytes, got ${value.length} bytes`);
      case "enum":
        if (typeof value !== "string") return wrong();
        return node.known.has(value) ? undefined : wrong(`one of ${listOf(node.symbols)}`);
      case "array":
        if (!Array.isArray(value)) return wrong();
        for (let i = 0; i < value.length && this.count < this.#most; i++) {
          this.look(node.items, value[i], `${path}[${i}]`, depth);
        }
        return;
      case "map":
        if (kindOfValue(value) !== "object") return wrong();
        for (const [key, one] of Object.entries(Object(value))) {
          if (this.count >= this.#most) return;
          this.look(node.values, one, join(path, key), depth);
        }
        return;
      case "record":
        return this.#lookAtRecord(node, value, path, depth);
      case "union":
        return this.#lookAtUnion(node, value, path, depth);
    }
  }

  #add(path: string, problem: string): void {
    if (this.count++ < MOST_SHOWN) this.found.push({ path, problem });
  }

  #lookAtLong(value: unknown, path: string): void {
    if (typeof value === "bigint") {
      if (BigInt.asIntN(64, value) === value) return;
      return this.#add(path, `expected long (64 bits), got ${value}`);
    }
    if (typeof value !== "number" || !Number.isInteger(value)) {
      return this.#add(path, `expected long, got ${show(value)}`);
    }
    if (Number.isSafeInteger(value)) return;
    this.#add(
      path,
      `expected long, got ${value}; give numbers beyond 2^53 as bigint, in JSON as text`,
    );
  }

  #lookAtRecord(node: RecordNode, value: unknown, path: string, depth: number): void {
    if (depth >= MAX_DEPTH) return this.#add(path, `nested deeper than ${MAX_DEPTH} records`);
    if (kindOfValue(value) !== "object") {
      return this.#add(path, `expected record ${node.name}, got ${show(value)}`);
    }
    const record: Readonly<Record<string, unknown>> = Object(value);
    // Keys that a missing field was meant by: one mistake, told once.
    const misspelt = new Set<string>();
    for (const field of node.fields) {
      if (this.count >= this.#most) return;
      const one = fieldValue(record, field.name);
      if (one === undefined && (field.default || acceptsNull(field.type))) continue;
      const at = join(path, field.name);
      if (one === undefined) {
        const hint = nearest(field.name, unknownKeys(node, record));
        if (hint) misspelt.add(hint);
        const meant = hint ? `; did you mean it by "${hint}"?` : "";
        this.#add(at, `missing, expected ${describeType(field.type)}${meant}`);
      } else this.look(field.type, one, at, depth + 1);
    }
    const names = node.fields.map((field) => field.name);
    const extras = unknownKeys(node, record).filter((key) => !misspelt.has(key));
    for (const [i, extra] of extras.entries()) {
      if (this.count >= this.#most) return;
      const hint = nearest(extra, names);
      const instead = hint ? `; did you mean "${hint}"?` : `; fields are ${listOf(names)}`;
      // The fields are listed once.
      const help = hint !== undefined || i === 0 ? instead : "";
      this.#add(join(path, extra), `${node.name} has no such field${help}`);
    }
  }

  #lookAtUnion(node: UnionNode, value: unknown, path: string, depth: number): void {
    const kind = kindOfValue(value);
    if (kind === "null" && acceptsNull(node)) return;
    const names = node.branches.map(branchName);
    if (!node.wrapped) {
      const branch = node.branches.find((one) => valueKind(one) === kind);
      if (branch) return this.look(branch, value, path, depth);
      return this.#add(path, `expected ${listOf(names, "or")}, got ${show(value)}`);
    }
    const keys = kind === "object" ? Object.keys(Object(value)) : [];
    const branch = keys.length === 1 && node.branches.find((one) => branchName(one) === keys[0]);
    if (branch) {
      const wrappedValue: unknown = Object(value)[keys[0]!];
      return this.look(branch, wrappedValue, join(path, keys[0]!), depth);
    }
    const example = names.find((name) => name !== "null") ?? names[0];
    const form = `{ "${example}": … }`;
    this.#add(
      path,
      `expected a branch of ${listOf(names, "or")} written as ${form}, got ${show(value)}`,
    );
  }
}

/** Keys of a record that are no fields. One whose value is undefined counts as absent. */
export function unknownKeys(
  node: RecordNode,
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

function describeType(node: SchemaNode): string {
  if (node.kind === "union") return listOf(node.branches.map(branchName), "or");
  return node.kind === "record" ? `record ${node.name}` : node.kind;
}

function listOf(words: readonly string[], last = "and"): string {
  const shown = words.length > 12 ? [...words.slice(0, 11), `${words.length - 11} more`] : words;
  if (shown.length < 2) return shown.join();
  return `${shown.slice(0, -1).join(", ")} ${last} ${shown.at(-1)}`;
}

function join(path: string, key: string): string {
  const part = key.length > MOST_OF_KEY ? `${key.slice(0, MOST_OF_KEY - 3)}...` : key;
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
