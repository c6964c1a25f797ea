import { acceptsNull, fitsSchema } from "../schema/mismatch.ts";
import {
  branchName,
  kindOfValue,
  type SchemaNode,
  type UnionNode,
  valueKind,
} from "../schema/schema_node.ts";

/**
 * Which branch of a union a JSON value is of. The rule that `toJson` and `fromJson` share:
 *
 * - An object with one key that names a branch, and a value that fits it, is that branch's value: `{"long": 5}`, as in Avro's JSON
 *   encoding. Any value can be written so.
 * - Any other value is of the first branch that it fits, strings before what JSON has only text for.
 *
 * `toJson` writes the plain value where that gives the same branch back, else the wrapped one. Whether a value fits is seen from its kind
 * and the keys of an object, no deeper: looking into it branch by branch would double the work with each level.
 */
export function branchOfJson(
  union: UnionNode,
  json: unknown,
): { branch: SchemaNode; json: unknown } | undefined {
  const named = namedBranch(union, json);
  if (named !== undefined && fits(named.branch, named.json)) return named;
  const kind = kindOfValue(json);
  const alike = union.branches.filter((branch) => valueKind(branch) === kind);
  if (alike.length === 1 && kind !== "string" && named === undefined) {
    return { branch: alike[0]!, json };
  }
  const branch = alike.find((one) => fits(one, json)) ??
    (kind === "string" ? union.branches.find((one) => fits(one, json)) : undefined);
  if (branch !== undefined) return { branch, json };
  // It fits none. The error is to be that of the branch that was meant; a value alone could be taken for another's.
  if (named !== undefined) return union.wrapped ? named : undefined;
  const likely =
    alike.find((one) => one.kind === "record" && missingFrom(one, json) === undefined) ??
      alike[0];
  return likely && { branch: likely, json };
}

/** The JSON of a branch's value in its union. */
export function unionJson(union: UnionNode, branch: SchemaNode, json: unknown): unknown {
  if (json === null) return null;
  // Most unions are of null and another type, whose value needs no search.
  if (typeof json !== "object" && union.branches.length === 2 && acceptsNull(union)) return json;
  const read = branchOfJson(union, json);
  return read?.branch === branch && read.json === json ? json : { [branchName(branch)]: json };
}

function namedBranch(union: UnionNode, json: unknown) {
  if (kindOfValue(json) !== "object") return undefined;
  const key = onlyKey(Object(json));
  const branch = union.branches.find((one) => branchName(one) === key);
  return branch && { branch, json: Object(json)[key!] };
}

/** The key of an object that has one; the others, of a large map, are not counted. */
function onlyKey(json: object): string | undefined {
  let only: string | undefined;
  for (const key in json) {
    if (!Object.hasOwn(json, key)) continue;
    if (only !== undefined) return undefined;
    only = key;
  }
  return only;
}

/** Texts that stand for the numbers that JSON lacks. */
const NOT_FINITE: ReadonlyMap<unknown, number> = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);

/** A number as JSON, or the text that stands for it. */
export function numberJson(value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

/** A number from its JSON; anything else stays as it is. */
export function numberOf(json: unknown): unknown {
  return NOT_FINITE.get(json) ?? json;
}

/** The long that a text of digits stands for; anything else stays as it is. */
export function longOf(json: unknown): unknown {
  if (typeof json !== "string" || !/^-?\d{1,19}$/.test(json)) return json;
  const exact = BigInt(json);
  const number = Number(exact);
  return Number.isSafeInteger(number) ? number : exact;
}

/** The bytes that a text of one character a byte stands for; anything else stays as it is. */
export function bytesOf(json: unknown): unknown {
  if (!isLatin1(json)) return json;
  return Uint8Array.from(json, (character) => character.charCodeAt(0));
}

function isLatin1(json: unknown): json is string {
  // deno-lint-ignore no-control-regex
  return typeof json === "string" && /^[\u0000-\u00ff]*$/.test(json);
}

function fits(node: SchemaNode, json: unknown): boolean {
  switch (node.kind) {
    case "int":
      return fitsSchema(node, json);
    case "long":
      return fitsSchema(node, longOf(json));
    case "float":
    case "double":
      return fitsSchema(node, numberOf(json));
    case "bytes":
      return isLatin1(json);
    case "fixed":
      return isLatin1(json) && json.length === node.size;
    case "enum":
      return typeof json === "string" && node.known.has(json);
    case "record":
      return missingFrom(node, json) === undefined && !hasOthers(node, json);
    default:
      return kindOfValue(json) === valueKind(node);
  }
}

/** A field that a record's JSON would have to have. */
function missingFrom(node: SchemaNode & { kind: "record" }, json: unknown): string | undefined {
  if (kindOfValue(json) !== "object") return node.name;
  return node.fields.find(({ name, type, default: fallback }) =>
    fallback === undefined && !acceptsNull(type) && !Object.hasOwn(Object(json), name)
  )?.name;
}

function hasOthers(node: SchemaNode & { kind: "record" }, json: unknown): boolean {
  const known = new Set(node.fields.map(({ name }) => name));
  return Object.keys(Object(json)).some((key) => !known.has(key));
}
