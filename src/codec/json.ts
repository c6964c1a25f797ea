import { fieldValue } from "./mismatch.ts";
import { branchName, kindOfValue, type SchemaNode, valueKind } from "./schema_node.ts";
import { defaultValue } from "./default_value.ts";
import type { BigLong } from "./codec.ts";

/** A value as JSON for people and sinks (`RecordSchema.toJson`). NaN and the infinities, which JSON lacks, become null. */
export function toJson(node: SchemaNode, value: unknown, bigLong: BigLong = String): unknown {
  if (value === undefined || value === null) return null;
  switch (node.kind) {
    case "bytes":
    case "fixed":
      return value instanceof Uint8Array ? latin1(value) : value;
    case "long":
      if (typeof value !== "bigint") return value;
      return BigInt.asIntN(54, value) === value ? Number(value) : bigLong(value);
    case "float":
    case "double":
      return Number.isFinite(value) ? value : null;
    case "array":
      return Array.isArray(value) ? value.map((one) => toJson(node.items, one, bigLong)) : value;
    case "map":
      return Object.fromEntries(
        Object.entries(value).map(([key, one]) => [key, toJson(node.values, one, bigLong)]),
      );
    case "record":
      return Object.fromEntries(node.fields.map((field) => {
        const given = fieldValue(Object(value), field.name);
        const one = given === undefined && field.default
          ? defaultValue(field.type, field.default.json, field.name)
          : given;
        return [field.name, toJson(field.type, one, bigLong)];
      }));
    case "union": {
      if (!node.wrapped) {
        const kind = kindOfValue(value);
        const branch = node.branches.find((one) => valueKind(one) === kind);
        return branch ? toJson(branch, value, bigLong) : value;
      }
      const [entry] = Object.entries(value);
      const branch = entry && node.branches.find((one) => branchName(one) === entry[0]);
      return branch ? toJson(branch, entry[1], bigLong) : value;
    }
    default:
      return value;
  }
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return text;
}
