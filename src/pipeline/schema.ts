import { z } from "zod";
import { TASK_TYPES } from "./plan.ts";

/** What becomes part of subjects, stream names and paths. */
export const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
export const TOKEN_TEXT = "[A-Za-z0-9_-]{1,64}";
export const MAX_TOKEN = 64;
export const MAX_PARALLELISM = 1000;

/** Keys whose values no message may quote. */
const SECRET_KEYS = new Set(["password", "token"]);

/** What was found, for a message. Long texts are cut. */
export function got(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "list";
  if (typeof value === "object") return "mapping";
  if (typeof value !== "string") return `${typeof value} ${value}`;
  return `string ${quote(value)}`;
}

export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

type Issue = { readonly input?: unknown; readonly path?: PropertyKey[] };

function expected(what: string, hint?: string) {
  return (issue: Issue) => `expected ${what}, got ${got(issue.input)}${hint ? `; ${hint}` : ""}`;
}

function text() {
  return z.string({ error: expected("string", "put it in quotes") })
    .min(1, { error: "must not be empty; remove the key or fill it in" }).optional();
}

function secret() {
  return z.string({
    error: (issue) => `expected string, got ${got(issue.input).split(" ")[0]}; put it in quotes`,
  }).min(1, { error: "must not be empty; remove the key or fill it in" }).optional();
}

function token(name: string) {
  const error = (issue: Issue) =>
    issue.input === undefined
      ? `${name} is missing`
      : `${name} must be a string ${TOKEN_TEXT}, got ${got(issue.input)}`;
  return z.string({ error }).regex(TOKEN, { error }).optional();
}

function integer(least: number, most: number) {
  const error = expected(`integer ${least}..${most}`);
  return z.number({ error }).int({ error }).min(least, { error }).max(most, { error }).optional();
}

function flag() {
  return z.boolean({ error: expected("true or false") }).optional();
}

function oneOf<const T extends readonly string[]>(values: T) {
  const what = values.length === 1 ? `"${values[0]}"` : `one of ${values.join(", ")}`;
  return z.enum(values, { error: expected(what) }).optional();
}

function mapping<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape, { error: expected("mapping") });
}

function list<T extends z.ZodType>(element: T, hint?: string) {
  return z.array(element, { error: expected("list", hint) }).optional();
}

const addressFields = { addr: text(), user: text(), password: secret() };

const store = mapping({ ...addressFields, autoDownload: flag() }).optional();
const sideStream = mapping({ addr: text(), enabled: flag(), errorTopics: text() }).optional();
const metrics = mapping({ enabled: flag(), port: integer(1, 65535) }).optional();
const nats = mapping({ ...addressFields, token: secret() }).optional();

const out = list(z.string({ error: expected("id of a task") }).optional(), "write [id]");
const openMapping = z.record(z.string(), z.unknown(), { error: expected("mapping") }).optional();

const sideOut = mapping({ id: token("id"), schema: z.unknown().optional(), out });

const task = mapping({
  id: token("id"),
  type: oneOf(TASK_TYPES),
  image: text(),
  imagePullPolicy: oneOf(["Always", "IfNotPresent", "Never"]),
  module: text(),
  ...addressFields,
  topics: text(),
  format: text(),
  groupId: token("groupId"),
  partitionBy: text(),
  parallelism: integer(1, MAX_PARALLELISM),
  meta: openMapping,
  schema: z.unknown().optional(),
  env: z.unknown().optional(),
  globalConfig: mapping({ store, sideStream, metrics }).optional(),
  sideOuts: list(sideOut.optional(), "begin each side out with -"),
  out,
  sidecars: list(z.unknown()),
  resources: openMapping,
});

/**
 * The shape of a pipeline file. Everything is optional here: what a task needs depends on its type and is checked with the task,
 * so that one missing key does not hide the mistakes in the others.
 */
export const documentSchema = z.strictObject({
  runtime: oneOf(["flow"]),
  mode: oneOf(["batch", "streaming", "stream"]),
  name: token("name"),
  parallelism: integer(1, MAX_PARALLELISM),
  globalConfig: mapping({ store, sideStream, metrics, nats }).optional(),
  metrics,
  dag: list(task.optional(), "begin each task with -"),
}, { error: expected("mapping") });

export type PipelineDocument = z.infer<typeof documentSchema>;
export type TaskDocument = z.infer<typeof task>;
export type SideOutDocument = z.infer<typeof sideOut>;
export type ConfigDocument = NonNullable<PipelineDocument["globalConfig"]>;

/** Whether the values of this key are passwords. */
export function isSecretKey(key: string | number | undefined): boolean {
  return typeof key === "string" && SECRET_KEYS.has(key);
}

/** What a value at some path is made of. */
export type ValueKind = "text" | "list" | "mapping" | "other";

/** What the pipeline wants at a path; undefined for a path that no pipeline has. */
export function kindAt(path: readonly (string | number)[]): ValueKind | undefined {
  const schema = schemaAt(path);
  if (!schema) return undefined;
  if (schema instanceof z.ZodString || schema instanceof z.ZodEnum) return "text";
  if (schema instanceof z.ZodArray) return "list";
  return schema instanceof z.ZodObject || schema instanceof z.ZodRecord ? "mapping" : "other";
}

/** Names of the keys that a mapping at this path may have. */
export function keysAt(path: readonly (string | number)[]): string[] {
  const schema = schemaAt(path);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function schemaAt(path: readonly (string | number)[]): unknown {
  let here: unknown = documentSchema;
  for (const step of path) {
    here = unwrap(here);
    if (here instanceof z.ZodObject) {
      here = Object.hasOwn(here.shape, step) ? here.shape[step] : undefined;
    } else if (here instanceof z.ZodArray) {
      here = typeof step === "number" ? here.element : undefined;
    } else if (here instanceof z.ZodRecord) here = here.valueType;
    else if (!(here instanceof z.ZodUnknown)) return undefined;
  }
  return unwrap(here);
}

function unwrap(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ? unwrap(schema.unwrap()) : schema;
}
