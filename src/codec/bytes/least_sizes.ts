import { SchemaError } from "../codec.ts";
import type { SchemaNode } from "../schema/schema_node.ts";
import type { LeastSize } from "../value_budget.ts";

const MAX_VALUES = 10_000;
const ONE_BYTE: LeastSize = { values: 1, bytes: 1 };

/**
 * The least size of each type of a schema.
 * @throws {SchemaError} for a record that always holds itself: it has no end. And where few records that hold each other twice have too
 * many values to read.
 */
export class LeastSizes {
  readonly #records = new Map<SchemaNode, LeastSize | "open">();

  of(node: SchemaNode): LeastSize {
    switch (node.kind) {
      case "null":
        return { values: 1, bytes: 0 };
      case "float":
        return { values: 1, bytes: 4 };
      case "double":
        return { values: 1, bytes: 8 };
      case "fixed":
        return { values: 1, bytes: node.size };
      case "record":
        return this.#record(node);
      default:
        return ONE_BYTE;
    }
  }

  #record(node: SchemaNode & { kind: "record" }): LeastSize {
    const known = this.#records.get(node);
    if (known === "open") {
      throw new SchemaError(`schema: record "${node.name}" always contains itself`);
    }
    if (known !== undefined) return known;
    this.#records.set(node, "open");
    let values = 1;
    let bytes = 0;
    for (const field of node.fields) {
      const size = this.of(field.type);
      values += size.values;
      bytes += size.bytes;
    }
    if (values > MAX_VALUES) {
      throw new SchemaError(`schema: record "${node.name}" holds more than ${MAX_VALUES} values`);
    }
    const size = { values, bytes };
    this.#records.set(node, size);
    return size;
  }
}
