import { DecodeError } from "../codec.ts";
import { MAX_DEPTH } from "../schema/max_depth.ts";
import { findMismatches } from "../schema/mismatch.ts";
import { branchName, kindOfValue, type SchemaNode } from "../schema/schema_node.ts";
import { branchOfJson, bytesOf, longOf, numberOf } from "./union_json.ts";

/** The value that a JSON value stands for (`RecordSchema.fromJson`). @throws {DecodeError} naming the fields that do not fit. */
export function fromJson(
  node: SchemaNode,
  json: unknown,
  { extra = "drop" }: { extra?: "drop" | "refuse" } = {},
): unknown {
  const value = convert(node, json, { depth: 0, keepsExtra: extra === "refuse" });
  const found = findMismatches(node, value, "");
  if (found === undefined) return value;
  throw new DecodeError(found.problem, { path: found.path });
}

interface Place {
  readonly depth: number;
  /** Whether fields that the schema lacks are kept, for `findMismatches` to name. */
  readonly keepsExtra: boolean;
}

/** What does not fit is left as it is, for `findMismatches` to name. */
function convert(node: SchemaNode, json: unknown, place: Place): unknown {
  switch (node.kind) {
    case "bytes":
    case "fixed":
      return bytesOf(json);
    case "long":
      return longOf(json);
    case "float":
    case "double":
      return numberOf(json);
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
    case "union": {
      const read = branchOfJson(node, json);
      if (read === undefined) return json;
      const value = convert(read.branch, read.json, place);
      return node.wrapped && value !== null ? { [branchName(read.branch)]: value } : value;
    }
    default:
      return json;
  }
}
