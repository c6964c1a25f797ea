import { MAX_DEPTH } from "./max_depth.ts";
import { branchName, kindOfValue, type SchemaNode, valueKind } from "./schema_node.ts";

/** The inverse of `toJson`. What does not fit stays as it is: encoding it says what is wrong. */
export function fromJson(node: SchemaNode, json: unknown, depth = 0): unknown {
  if (json === null || depth > MAX_DEPTH) return json;
  switch (node.kind) {
    case "bytes":
    case "fixed":
      return typeof json === "string" ? bytesOf(json) ?? json : json;
    case "long":
      return typeof json === "string" && isLong(json) ? BigInt(json) : json;
    case "array":
      return Array.isArray(json) ? json.map((one) => fromJson(node.items, one, depth + 1)) : json;
    case "map":
      return mapped(json, () => node.values, depth);
    case "record": {
      const types = new Map(node.fields.map((field) => [field.name, field.type]));
      return mapped(json, (name) => types.get(name), depth);
    }
    case "union":
      return node.wrapped
        ? wrappedBranch(node.branches, json, depth)
        : plainBranch(node.branches, json, depth);
    default:
      return json;
  }
}

function mapped(
  json: unknown,
  typeOf: (name: string) => SchemaNode | undefined,
  depth: number,
): unknown {
  if (kindOfValue(json) !== "object") return json;
  return Object.fromEntries(
    Object.entries(json as object).map(([name, one]) => {
      const type = typeOf(name);
      return [name, type === undefined ? one : fromJson(type, one, depth + 1)];
    }),
  );
}

function plainBranch(branches: readonly SchemaNode[], json: unknown, depth: number): unknown {
  const kind = kindOfValue(json);
  const branch = branches.find((one) => valueKind(one) === kind) ??
    (kind === "string" ? branches.find((one) => takesText(one, json as string)) : undefined);
  return branch === undefined ? json : fromJson(branch, json, depth + 1);
}

/** `{"branch name": value}`, or the value alone where a branch takes its kind: the first one that does. */
function wrappedBranch(branches: readonly SchemaNode[], json: unknown, depth: number): unknown {
  const entries = typeof json === "object" && json !== null ? Object.entries(json) : [];
  const named = entries.length === 1
    ? branches.find((one) => branchName(one) === entries[0]![0])
    : undefined;
  if (named !== undefined) {
    return { [branchName(named)]: fromJson(named, entries[0]![1], depth + 1) };
  }
  const kind = kindOfValue(json);
  const first = branches.find((one) => valueKind(one) === kind);
  return first === undefined ? json : { [branchName(first)]: fromJson(first, json, depth + 1) };
}

function takesText(node: SchemaNode, text: string): boolean {
  if (node.kind === "bytes" || node.kind === "fixed") return bytesOf(text) !== undefined;
  return node.kind === "long" && isLong(text);
}

function isLong(text: string): boolean {
  return /^-?\d{1,19}$/.test(text);
}

/** Undefined for a text with characters that are no bytes. */
function bytesOf(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) return undefined;
    bytes[i] = code;
  }
  return bytes;
}
