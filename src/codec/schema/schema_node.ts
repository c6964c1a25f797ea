/** A schema after checking: names in full, references resolved, nothing left to go wrong. */
export type SchemaNode =
  | PrimitiveNode
  | RecordNode
  | EnumNode
  | FixedNode
  | ArrayNode
  | MapNode
  | UnionNode;

export const PRIMITIVES = [
  "null",
  "boolean",
  "int",
  "long",
  "float",
  "double",
  "bytes",
  "string",
] as const;

export interface PrimitiveNode {
  readonly kind: (typeof PRIMITIVES)[number];
}

export interface FieldNode {
  readonly name: string;
  readonly type: SchemaNode;
  readonly aliases: readonly string[];
  /** As in the schema's JSON; absent if the field has none. */
  readonly default?: { readonly json: unknown };
}

export interface RecordNode {
  readonly kind: "record";
  /** `error` differs from `record` in nothing but the canonical form. */
  readonly word: "record" | "error";
  readonly name: string;
  readonly aliases: readonly string[];
  readonly fields: readonly FieldNode[];
}

export interface EnumNode {
  readonly kind: "enum";
  readonly name: string;
  readonly aliases: readonly string[];
  readonly symbols: readonly string[];
  /** The same, to ask whether one is among them. */
  readonly known: ReadonlySet<string>;
  readonly default?: string;
}

export interface FixedNode {
  readonly kind: "fixed";
  readonly name: string;
  readonly aliases: readonly string[];
  readonly size: number;
}

export interface ArrayNode {
  readonly kind: "array";
  readonly items: SchemaNode;
}

export interface MapNode {
  readonly kind: "map";
  readonly values: SchemaNode;
}

export interface UnionNode {
  readonly kind: "union";
  readonly branches: readonly SchemaNode[];
  /** Two branches look the same in JavaScript, so that values are written `{ "branch name": value }`. */
  readonly wrapped: boolean;
}

/** What a branch of a union is called. */
export function branchName(node: SchemaNode): string {
  return "name" in node ? node.name : node.kind;
}

/** What kind of JavaScript value a branch takes; a union whose branches share one is ambiguous. */
export function valueKind(node: SchemaNode): string {
  switch (node.kind) {
    case "int":
    case "long":
    case "float":
    case "double":
      return "number";
    case "bytes":
    case "fixed":
      return "buffer";
    case "string":
    case "enum":
      return "string";
    case "map":
    case "record":
      return "object";
    default:
      return node.kind;
  }
}

/**
 * The kind of a value, in the words of {@linkcode valueKind}; `undefined` stands for null. A Map, a Date or a promise that nobody awaited
 * is "other": its keys are not its content, and it would be written as empty.
 */
export function kindOfValue(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "bigint") return "number";
  if (typeof value !== "object") return typeof value;
  if (Array.isArray(value)) return "array";
  if (value instanceof Uint8Array) return "buffer";
  return Symbol.toStringTag in value || value instanceof Date ? "other" : "object";
}
