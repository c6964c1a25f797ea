import { PRIMITIVES, type SchemaNode } from "../schema/schema_node.ts";

/** The shape of a checked schema for avsc, each part with its node. */
export type AvscSchema = object | string;

/**
 * Gives avsc a schema in which every name is ours (`T0`, `f0`, `S`): it keeps names as keys of plain objects, where `constructor` and
 * `valueOf` are there before anything is put in. Defaults and aliases are left out, since reading another schema is not avsc's work.
 */
export function avscSchema(
  node: SchemaNode,
  names: Map<SchemaNode, string> = new Map(),
): AvscSchema {
  const known = names.get(node);
  if (known !== undefined) return known;
  if (PRIMITIVES.some((kind) => kind === node.kind)) return { type: node.kind, node };
  if (node.kind === "array") return { type: "array", items: avscSchema(node.items, names), node };
  if (node.kind === "map") return { type: "map", values: avscSchema(node.values, names), node };
  if (node.kind === "union") {
    return Object.assign(node.branches.map((one) => avscSchema(one, names)), { node });
  }
  const name = `T${names.size}`;
  names.set(node, name);
  switch (node.kind) {
    case "fixed":
      return { type: "fixed", name, size: node.size, node };
    case "enum":
      return { type: "enum", name, symbols: ["S"], node };
    case "record": {
      const fields = node.fields.map(({ type }, i) => ({
        name: `f${i}`,
        type: avscSchema(type, names),
      }));
      return { type: "record", name, fields, node };
    }
    default:
      throw new TypeError(`Cannot describe "${node.kind}" to avsc`);
  }
}
