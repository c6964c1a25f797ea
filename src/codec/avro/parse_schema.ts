import { nearest } from "../../base/text/nearest.ts";
import { SchemaError } from "../codec.ts";
import { defaultBudget, defaultValue } from "../schema/default_value.ts";
import { LeastSizes } from "../bytes/least_sizes.ts";
import {
  branchName,
  type FieldNode,
  type PrimitiveNode,
  PRIMITIVES,
  type SchemaNode,
  valueKind,
} from "../schema/schema_node.ts";

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const COMPLEX = ["record", "error", "enum", "fixed", "array", "map"];
const MAX_NESTING = 64;
const MAX_NODES = 10_000;
const MAX_FIXED = 16 * 1024 * 1024;

type JsonObject = Readonly<Record<string, unknown>>;

/** Reads the JSON of a schema. Errors name the place, such as `fields[2].type.items`. */
export function parseSchema(json: unknown): SchemaNode {
  const parser = new Parser();
  const node = parser.type(json, "", "", 0);
  parser.finish();
  return node;
}

class Parser {
  readonly #names = new Map<string, SchemaNode>();
  readonly #defaults: { type: SchemaNode; json: unknown; place: string }[] = [];
  #nodes = 0;

  /** Checks what only the whole schema shows: records that have no end, and defaults, which may be of a record that is defined around them. */
  finish(): void {
    const sizes = new LeastSizes();
    for (const node of this.#names.values()) sizes.of(node);
    const budget = defaultBudget();
    for (const { type, json, place } of this.#defaults) {
      defaultValue(type, json, place, budget);
    }
  }

  type(json: unknown, place: string, namespace: string, depth: number): SchemaNode {
    if (depth > MAX_NESTING) fail(place, `nested deeper than ${MAX_NESTING} types`);
    if (++this.#nodes > MAX_NODES) fail(place, `more than ${MAX_NODES} types`);
    if (typeof json === "string") return this.#reference(json, place, namespace);
    if (Array.isArray(json)) return this.#union(json, place, namespace, depth);
    if (!isObject(json)) fail(place, `expected a type, got ${show(json)}`);
    const { type } = json;
    switch (type) {
      case "record":
      case "error":
        return this.#record(json, type, place, namespace, depth);
      case "enum":
        return this.#enum(json, place, namespace);
      case "fixed":
        return this.#fixed(json, place, namespace);
      case "array":
        if (json.items === undefined) fail(place, "an array needs items");
        return {
          kind: "array",
          items: this.type(json.items, join(place, "items"), namespace, depth + 1),
        };
      case "map":
        if (json.values === undefined) fail(place, "a map needs values");
        return {
          kind: "map",
          values: this.type(json.values, join(place, "values"), namespace, depth + 1),
        };
      case undefined:
        return fail(place, "a type needs the key type");
      default:
        // {"type": "long", "logicalType": …} and types nested once more: attributes do not change the bytes.
        return this.type(type, join(place, "type"), namespace, depth + 1);
    }
  }

  #reference(name: string, place: string, namespace: string): SchemaNode {
    const primitive = PRIMITIVES.find((one) => one === name);
    if (primitive) return { kind: primitive } satisfies PrimitiveNode;
    const node = this.#names.get(qualify(name, namespace)) ?? this.#names.get(name);
    if (node) return node;
    const known = [...PRIMITIVES, ...COMPLEX, ...this.#names.keys()];
    const hint = nearest(name, known);
    return fail(place, `unknown type ${show(name)}${hint ? `; did you mean "${hint}"?` : ""}`);
  }

  #union(json: readonly unknown[], place: string, namespace: string, depth: number): SchemaNode {
    if (json.length === 0) fail(place, "a union needs at least one branch");
    const branches = json.map((one, i) => this.type(one, `${place}[${i}]`, namespace, depth + 1));
    const names = new Set<string>();
    const kinds = new Set<string>();
    branches.forEach((branch, i) => {
      if (branch.kind === "union") fail(`${place}[${i}]`, "a union cannot hold a union directly");
      const name = branchName(branch);
      if (names.has(name)) fail(`${place}[${i}]`, `the union has two branches "${name}"`);
      names.add(name);
      kinds.add(valueKind(branch));
    });
    return { kind: "union", branches, wrapped: kinds.size < branches.length };
  }

  #record(
    json: JsonObject,
    word: "record" | "error",
    place: string,
    outer: string,
    depth: number,
  ): SchemaNode {
    const { name, namespace } = fullName(json, place, outer);
    const fields: FieldNode[] = [];
    const aliases = aliasesOf(json, place, namespace);
    const node: SchemaNode = { kind: "record", word, name, aliases, fields };
    this.#register(name, node, place);
    if (!Array.isArray(json.fields)) fail(place, `record "${name}" needs a list of fields`);
    const seen = new Set<string>();
    json.fields.forEach((field: unknown, i: number) => {
      const at = join(place, `fields[${i}]`);
      if (!isObject(field)) fail(at, `expected a field, got ${show(field)}`);
      const fieldName = checkedName(field.name, at, "field name");
      if (seen.has(fieldName)) fail(at, `record "${name}" has two fields "${fieldName}"`);
      seen.add(fieldName);
      if (field.type === undefined) fail(at, `field "${fieldName}" needs a type`);
      const order = field.order ?? "ascending";
      if (order !== "ascending" && order !== "descending" && order !== "ignore") {
        fail(at, `order ${show(order)} is none of ascending, descending, ignore`);
      }
      const type = this.type(field.type, join(at, "type"), namespace, depth + 1);
      if (field.default !== undefined) {
        this.#defaults.push({ type, json: field.default, place: join(at, "default") });
      }
      fields.push({
        name: fieldName,
        type,
        aliases: aliasesOf(field, at, ""),
        ...(field.default === undefined ? {} : { default: { json: field.default } }),
      });
    });
    return node;
  }

  #enum(json: JsonObject, place: string, outer: string): SchemaNode {
    const { name, namespace } = fullName(json, place, outer);
    const { symbols } = json;
    if (!Array.isArray(symbols) || symbols.length === 0) {
      fail(place, `enum "${name}" needs symbols`);
    }
    const checked = new Set<string>();
    symbols.forEach((symbol, i) => {
      const one = checkedName(symbol, join(place, `symbols[${i}]`), "symbol");
      if (checked.has(one)) fail(join(place, "symbols"), `enum "${name}" has two symbols "${one}"`);
      checked.add(one);
    });
    const fallback = json.default;
    if (fallback !== undefined && !(typeof fallback === "string" && checked.has(fallback))) {
      fail(place, `default ${show(fallback)} is not a symbol of enum "${name}"`);
    }
    const node: SchemaNode = {
      kind: "enum",
      name,
      aliases: aliasesOf(json, place, namespace),
      symbols: [...checked],
      known: checked,
      ...(typeof fallback === "string" ? { default: fallback } : {}),
    };
    this.#register(name, node, place);
    return node;
  }

  #fixed(json: JsonObject, place: string, outer: string): SchemaNode {
    const { name, namespace } = fullName(json, place, outer);
    const { size } = json;
    if (typeof size !== "number" || !Number.isInteger(size) || size < 0 || size > MAX_FIXED) {
      fail(place, `size of fixed "${name}" must be an integer from 0 to ${MAX_FIXED}`);
    }
    const aliases = aliasesOf(json, place, namespace);
    const node: SchemaNode = { kind: "fixed", name, aliases, size };
    this.#register(name, node, place);
    return node;
  }

  #register(name: string, node: SchemaNode, place: string): void {
    if (this.#names.has(name)) fail(place, `the name "${name}" is defined twice`);
    this.#names.set(name, node);
  }
}

function fullName(json: JsonObject, place: string, outer: string) {
  const { name } = json;
  if (typeof name !== "string" || name === "") fail(place, `${String(json.type)} needs a name`);
  if (json.namespace !== undefined && typeof json.namespace !== "string") {
    fail(place, `namespace ${show(json.namespace)} is not a text`);
  }
  const full = qualify(name, json.namespace ?? outer);
  const parts = full.split(".");
  for (const part of parts) checkedName(part, place);
  if (PRIMITIVES.some((primitive) => primitive === parts.at(-1))) {
    fail(place, `the name "${full}" belongs to a primitive type`);
  }
  return { name: full, namespace: parts.slice(0, -1).join(".") };
}

function aliasesOf(json: JsonObject, place: string, namespace: string): string[] {
  const { aliases = [] } = json;
  if (!Array.isArray(aliases)) fail(join(place, "aliases"), "expected a list of names");
  return aliases.map((alias, i) => {
    const at = join(place, `aliases[${i}]`);
    if (typeof alias !== "string") fail(at, `expected a name, got ${show(alias)}`);
    for (const part of alias.split(".")) checkedName(part, at);
    return qualify(alias, namespace);
  });
}

function checkedName(name: unknown, place: string, what = "name"): string {
  if (typeof name !== "string" || !NAME.test(name)) {
    fail(
      place,
      `${what} ${show(name)} is not valid; use letters, digits and _, not beginning with a digit`,
    );
  }
  // As the key of an object it would replace the object's prototype.
  if (name === "__proto__") fail(place, `${what} "${name}" is reserved`);
  return name;
}

function qualify(name: string, namespace: string): string {
  return name.includes(".") || namespace === "" ? name : `${namespace}.${name}`;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function join(place: string, part: string): string {
  return place === "" ? part : `${place}.${part}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function fail(place: string, problem: string): never {
  throw new SchemaError(`schema${place ? ` ${place}` : ""}: ${problem}`);
}
