import { fieldValue } from "../field_value.ts";
import {
  branchName,
  kindOfValue,
  type SchemaNode,
  type UnionNode,
  valueKind,
} from "../schema/schema_node.ts";
import { defaultValue } from "../schema/default_value.ts";
import type { JsonForm } from "../codec.ts";
import { numberJson, unionJson } from "./union_json.ts";

/** A value as JSON (`RecordSchema.toJson`). */
export function toJson(node: SchemaNode, value: unknown, form: JsonForm = {}): unknown {
  if (value === undefined || value === null) return null;
  switch (node.kind) {
    case "bytes":
    case "fixed":
      return value instanceof Uint8Array ? latin1(value) : value;
    case "long":
      if (typeof value !== "bigint") return value;
      return Number.isSafeInteger(Number(value)) ? Number(value) : (form.bigLong ?? String)(value);
    case "float":
    case "double":
      return form.plain && !Number.isFinite(value) ? null : numberJson(value);
    case "array":
      return Array.isArray(value) ? value.map((one) => toJson(node.items, one, form)) : value;
    case "map":
      return Object.fromEntries(
        Object.entries(value).map(([key, one]) => [key, toJson(node.values, one, form)]),
      );
    case "record":
      return Object.fromEntries(node.fields.map((field) => {
        const given = fieldValue(Object(value), field.name);
        const one = given === undefined && field.default
          ? defaultValue(field.type, field.default.json, field.name)
          : given;
        return [field.name, toJson(field.type, one, form)];
      }));
    case "union": {
      const [branch, inner] = branchOf(node, value);
      if (branch === undefined) return value;
      const json = toJson(branch, inner, form);
      return form.plain ? json : unionJson(node, branch, json);
    }
    default:
      return value;
  }
}

/** The branch that a value is of, and the value without its wrapping. */
function branchOf(node: UnionNode, value: unknown): [SchemaNode | undefined, unknown] {
  if (!node.wrapped) {
    const kind = kindOfValue(value);
    return [node.branches.find((one) => valueKind(one) === kind), value];
  }
  const [entry] = Object.entries(Object(value));
  return [entry && node.branches.find((one) => branchName(one) === entry[0]), entry?.[1]];
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return text;
}
