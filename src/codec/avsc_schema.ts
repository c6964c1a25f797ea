import { PRIMITIVES, type SchemaNode } from "./schema_node.ts";

/** A checked schema in JSON for avsc: every name in full, nothing that it might read otherwise than our parser. */
export function avscSchema(node: SchemaNode, seen: Set<string> = new Set()): unknown {
  if (PRIMITIVES.some((kind) => kind === node.kind)) return node.kind;
  if ("name" in node) {
    if (seen.has(node.name)) return absolute(node.name);
    seen.add(node.name);
  }
  switch (node.kind) {
    case "array":
      return { type: "array", items: avscSchema(node.items, seen) };
    case "map":
      return { type: "map", values: avscSchema(node.values, seen) };
    case "union":
      return Object.assign(node.branches.map((one) => avscSchema(one, seen)), {
        wrapped: node.wrapped,
      });
    case "fixed":
      return { ...named(node), type: "fixed", size: node.size };
    case "enum":
      return { ...named(node), type: "enum", symbols: node.symbols, default: node.default };
    case "record":
      return {
        ...named(node),
        type: "record",
        fields: node.fields.map((field) => ({
          name: field.name,
          aliases: field.aliases,
          type: avscSchema(field.type, seen),
          default: field.default?.json,
        })),
      };
  }
}

function named(node: { readonly name: string; readonly aliases: readonly string[] }) {
  return { name: absolute(node.name), aliases: node.aliases.map(absolute) };
}

/** A leading dot keeps avsc from putting the enclosing namespace before a name that has none. */
function absolute(name: string): string {
  return name.includes(".") ? name : `.${name}`;
}
