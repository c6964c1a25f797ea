import { z } from "zod";
import { documentSchema } from "../src/pipeline/reading/schema.ts";

/** What `jsonSchema` says about a value: the part of JSON Schema that pipelines need, and `fallback`: what holds without it. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly fallback?: string;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
}

/** The shape of a pipeline file as JSON Schema. What a task needs because of its type is not in it. */
export function jsonSchema(): JsonSchema {
  return z.toJSONSchema(documentSchema, { io: "input", reused: "inline" }) as JsonSchema;
}
