import type { SchemaNode } from "./schema_node.ts";

const EMPTY = 0xc15d213aa4d7a795n;

/** The schema in Parsing Canonical Form (Avro specification, "Transforming into Parsing Canonical Form"). */
export function canonicalForm(node: SchemaNode, seen: Set<string> = new Set()): string {
  switch (node.kind) {
    case "record": {
      if (seen.has(node.name)) return JSON.stringify(node.name);
      seen.add(node.name);
      const fields = node.fields.map((field) =>
        `{"name":"${field.name}","type":${canonicalForm(field.type, seen)}}`
      );
      return `{"name":"${node.name}","type":"${node.word}","fields":[${fields.join(",")}]}`;
    }
    case "enum":
      if (seen.has(node.name)) return JSON.stringify(node.name);
      seen.add(node.name);
      return `{"name":"${node.name}","type":"enum","symbols":${JSON.stringify(node.symbols)}}`;
    case "fixed":
      if (seen.has(node.name)) return JSON.stringify(node.name);
      seen.add(node.name);
      return `{"name":"${node.name}","type":"fixed","size":${node.size}}`;
    case "array":
      return `{"type":"array","items":${canonicalForm(node.items, seen)}}`;
    case "map":
      return `{"type":"map","values":${canonicalForm(node.values, seen)}}`;
    case "union":
      return `[${node.branches.map((branch) => canonicalForm(branch, seen)).join(",")}]`;
    default:
      return `"${node.kind}"`;
  }
}

/** CRC-64-AVRO of a text's UTF-8 bytes, 16 hexadecimal digits, most significant first. */
export function fingerprint(text: string): string {
  let value = EMPTY;
  for (const byte of new TextEncoder().encode(text)) {
    value ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) value = (value >> 1n) ^ (value & 1n ? EMPTY : 0n);
  }
  return value.toString(16).padStart(16, "0");
}
