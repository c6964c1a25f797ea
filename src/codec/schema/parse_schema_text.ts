import { findJsonError } from "../../base/text/json_error.ts";
import { SchemaError } from "../codec.ts";

const MAX_SIZE = 64 * 1024;
const MAX_DEPTH = 256;

/** The JSON of a schema and its text, from either; bounded in size and depth. */
export function parseSchemaText(schema: unknown): { json: unknown; text: string } {
  if (typeof schema !== "string") {
    checkDepth(schema, MAX_DEPTH);
    const text = JSON.stringify(schema);
    if (text === undefined) throw new SchemaError(`schema: expected JSON, got ${typeof schema}`);
    checkSize(text);
    // Read back, so that nobody can change the schema afterwards.
    return { json: JSON.parse(text), text };
  }
  checkSize(schema);
  const error = findJsonError(schema, MAX_DEPTH);
  if (error) {
    const place = `${error.line}:${error.column}`;
    throw new SchemaError(`schema: not valid JSON at ${place}: ${error.problem}`);
  }
  const json: unknown = JSON.parse(schema);
  return { json, text: JSON.stringify(json) };
}

function checkSize(text: string): void {
  if (text.length <= MAX_SIZE) return;
  throw new SchemaError(`schema: too large, ${text.length} characters of at most ${MAX_SIZE}`);
}

/** Also stops at objects that hold themselves, and at few objects that share each other into many. */
function checkDepth(json: unknown, depth: number, budget = { left: MAX_SIZE }): void {
  if (--budget.left < 0) throw new SchemaError("schema: too large");
  if (typeof json !== "object" || json === null) return;
  if (depth === 0) throw new SchemaError(`schema: nested deeper than ${MAX_DEPTH}`);
  for (const value of Object.values(json)) checkDepth(value, depth - 1, budget);
}
