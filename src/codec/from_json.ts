import { DecodeError } from "./codec.ts";
import { MAX_DEPTH } from "./max_depth.ts";
import { findMismatch } from "./mismatch.ts";
import { branchName, kindOfValue, type SchemaNode, valueKind } from "./schema_node.ts";

/** The value that a JSON value stands for (`RecordSchema.fromJson`). @throws {DecodeError} naming the first field that does not fit. */
export function fromJson(
  node: SchemaNode,
  json: unknown,
  { extra = "drop" }: { extra?: "drop" | "refuse" } = {},
): unknown {
  const value = convert(node, json, { depth: 0, keepsExtra: extra === "refuse" });
  const found = findMismatch(node, value);
  if (found === undefined) return value;
  const { path, problem } = found;
  throw new DecodeError(path === "" ? problem : `${path}: ${problem}`, { path });
}

interface Place {
  readonly depth: number;
  /** Whether fields that the schema lacks are kept, for `findMismatch` to name. */
  readonly keepsExtra: boolean;
}

/** What does not fit is left as it is, for `findMismatch` to name. */
function convert(node: SchemaNode, json: unknown, place: Place): unknown {
  switch (node.kind) {
    case "bytes":
    case "fixed":
      return bytesOf(json);
    case "long":
      return longOf(json);
    case "array":
      return Array.isArray(json) ? json.map((one) => convert(node.items, one, place)) : json;
    case "map":
      if (kindOfValue(json) !== "object") return json;
      return Object.fromEntries(
        Object.entries(Object(json)).map(([key, one]) => [key, convert(node.values, one, place)]),
      );
    case "record": {
      if (kindOfValue(json) !== "object") return json;
      if (place.depth >= MAX_DEPTH) {
        throw new DecodeError("it is nested too deep");
      }
      const given: Readonly<Record<string, unknown>> = Object(json);
      const inside = { ...place, depth: place.depth + 1 };
      const known = node.fields.filter(({ name }) => Object.hasOwn(given, name))
        .map(({ name, type }) => [name, convert(type, given[name], inside)] as const);
      return Object.fromEntries([...(place.keepsExtra ? Object.entries(given) : []), ...known]);
    }
    case "union":
      return branchOf(node, json, place);
    default:
      return json;
  }
}

function branchOf(node: SchemaNode & { kind: "union" }, json: unknown, place: Place): unknown {
  if (json === null) return null;
  if (node.wrapped && kindOfValue(json) === "object") {
    const [entry, another] = Object.entries(Object(json));
    const named = another === undefined && entry &&
      node.branches.find((branch) => branchName(branch) === entry[0]);
    if (named) return { [branchName(named)]: convert(named, entry[1], place) };
  }
  const kind = kindOfValue(json);
  const alike = node.branches.filter((branch) => valueKind(branch) === kind);
  // JSON has text for bytes and for large numbers too.
  const texts = kind === "string" && alike.length === 0
    ? node.branches.filter((branch) => convert(branch, json, place) !== json)
    : [];
  const fitting = [...alike, ...texts];
  const exact = kind === "number"
    ? fitting.find((branch) => findMismatch(branch, json) === undefined)
    : undefined;
  const branch = exact ?? fitting[0];
  if (branch === undefined) return json;
  const value = convert(branch, json, place);
  return node.wrapped ? { [branchName(branch)]: value } : value;
}

function bytesOf(json: unknown): unknown {
  // deno-lint-ignore no-control-regex
  if (typeof json !== "string" || !/^[\u0000-\u00ff]*$/.test(json)) return json;
  return Uint8Array.from(json, (character) => character.charCodeAt(0));
}

function longOf(json: unknown): unknown {
  if (typeof json !== "string" || !/^-?\d{1,19}$/.test(json)) return json;
  const exact = BigInt(json);
  return BigInt.asIntN(54, exact) === exact ? Number(exact) : exact;
}
