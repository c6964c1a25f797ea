import { z } from "zod";
import { TASK_TYPES } from "./task_types.ts";
import { withoutSecrets } from "./without_secrets.ts";

/** What becomes part of subjects, stream names and paths. */
export const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
export const TOKEN_TEXT = "[A-Za-z0-9_-]{1,64}";
export const MAX_TOKEN = 64;
export const MAX_PARALLELISM = 1000;
export const METRICS_PORT = 9002;

/** Keys whose values no message may quote. */
const SECRET_KEYS = new Set(["password", "token"]);

/** What was found, for a message. Long texts are cut, credentials in addresses are not shown. */
export function got(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "list";
  if (typeof value === "object") return "mapping";
  if (typeof value !== "string") return `${typeof value} ${value}`;
  return `string ${quote(value)}`;
}

/** The kind of what was found, where a text may be anything: an address with its password, `PASSWORD=…`. */
export function gotKind(value: unknown): string {
  return got(value).split(" ")[0]!;
}

export function quote(text: string): string {
  const shown = withoutSecrets(text);
  return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 80)}…` : shown);
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
    error: (issue) => `expected string, got ${gotKind(issue.input)}; put it in quotes`,
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
  return z.strictObject(shape, { error: expectedMapping });
}

function expectedMapping(issue: Issue): string {
  return `expected mapping, got ${gotKind(issue.input)}`;
}

function list<T extends z.ZodType>(element: T, hint?: string) {
  return z.array(element, { error: expected("list", hint) }).optional();
}

/** Says what a key means and what holds without it: the text of docs/reference.md, Markdown. */
function about<T extends z.ZodType>(schema: T, meaning: string, fallback?: string): T {
  return schema.meta({ description: meaning, ...(fallback !== undefined && { fallback }) });
}

const STORE_FALLBACK = "for a store what `globalConfig.store` of the task says, see below";

function storeShape(fallback: string, download: string, buckets: string) {
  return mapping({
    addr: about(text(), "Address of the store", fallback),
    user: about(text(), "User, or access key", fallback),
    password: about(secret(), "Password, or secret key", fallback),
    autoDownload: about(
      flag(),
      "Downloads the object that a record names by `bucket` and `key` before the function is called. For `raw` tasks; best set on the one that needs it",
      download,
    ),
    buckets: about(
      list(text(), 'write ["bucket"]'),
      "Buckets of which records may name objects, beside those that `topics` of the pipeline's tasks name: for `autoDownload` and `ctx.object()`. `*` is every bucket",
      buckets,
    ),
  }).optional();
}

/** @param inherited Where the values come from that are missing; absent: nowhere. */
function sideStreamShape(inherited?: string) {
  return mapping({
    addr: about(
      text(),
      "NATS server that takes error records",
      inherited ?? "the pipeline's own broker",
    ),
    enabled: about(flag(), "Sends a record about each error", inherited ?? "false"),
    errorTopics: about(
      text(),
      "Where error records go: `stream.subject`, or several with commas between. Needed where `enabled` is true",
      inherited ?? "none",
    ),
    format: about(
      oneOf(["avro", "json"]),
      "How error records are encoded: `avro` or `json`",
      inherited ?? "avro",
    ),
  }).optional();
}

function metricsShape(meaning: string, inherited?: string) {
  return about(
    mapping({
      enabled: about(flag(), "Starts the Prometheus exporter", inherited ?? "false"),
      port: about(integer(1, 65535), "Port of the exporter", inherited ?? String(METRICS_PORT)),
      required: about(
        flag(),
        "Ends `run` and `worker` with status 1 if the port cannot be had, instead of a warning",
        inherited ?? "false",
      ),
    }).optional(),
    meaning,
  );
}

const nats = about(
  mapping({
    addr: about(
      text(),
      "Address of the NATS server, or of several of one cluster with commas between",
      "`KFLOW_NATS_ADDR`, else the embedded broker",
    ),
    user: about(text(), "User at that server", "none"),
    password: about(secret(), "Password at that server", "none"),
    token: about(secret(), "Token, in place of user and password", "none"),
  }).optional(),
  "Where records flow, for the whole pipeline",
);

const out = about(
  list(z.string({ error: expected("id of a task") }).optional(), "write [id]"),
  "Ids of the tasks that take the records, each of them all",
  "none",
);
const openMapping = z.record(z.string(), z.unknown(), { error: expectedMapping }).optional();

const sideOut = mapping({
  id: about(token("id"), "Name of the side out, as `toSideStream` takes it; needed"),
  schema: about(z.unknown().optional(), "Avro schema of its records; needed"),
  out,
});

const task = mapping({
  id: about(token("id"), "Unique name of the task; needed. `dead` is taken"),
  type: about(oneOf(TASK_TYPES), "What the task does; needed"),
  image: about(text(), "Container image. Accepted; `run` and `worker` do not use it"),
  imagePullPolicy: about(
    oneOf(["Always", "IfNotPresent", "Never"]),
    "Accepted; `run` and `worker` do not use it",
  ),
  module: about(
    text(),
    "TypeScript or JavaScript module with the code of a `raw` task. Its path starts at the pipeline file's folder. `--module` wins",
  ),
  addr: about(
    text(),
    "Server of the task: the store of `fs-source`, `s3-sink` and `raw`, the NATS server of `nats-source`, Elasticsearch for `elastic-sink`",
    STORE_FALLBACK,
  ),
  user: about(text(), "User at that server", STORE_FALLBACK),
  password: about(secret(), "Password at that server", STORE_FALLBACK),
  topics: about(
    text(),
    "`s3a://bucket/prefix` for `fs-source` and `s3-sink`, `stream.subject` for `nats-source`, the index for `elastic-sink`; needed there",
  ),
  format: about(
    text(),
    "`list` for `fs-source`; `json`, `ndjson` or `avro` for `s3-sink`; `avro` or `json` for `nats-source`, of messages without the header `Kflow-Schema`",
    "`list`, `json`, `avro`",
  ),
  groupId: about(
    token("groupId"),
    "Name of the task's consumer group, unique in the pipeline",
    "flow id, `-`, task id",
  ),
  partitionBy: about(
    text(),
    "Field of a source's records whose value goes with each record as header `Kflow-Partition`. It does not keep an order so far",
  ),
  parallelism: about(
    integer(1, MAX_PARALLELISM),
    "Workers that `kflow run` starts for the task. Sources have one; `kflow worker` is one",
    "`parallelism` of the pipeline",
  ),
  meta: about(
    openMapping,
    "Settings of the task type, see below; for `raw` also the user's own. Keys may be dotted (`bulk.enabled: true`) or nested (`bulk: {enabled: true}`)",
  ),
  schema: about(
    z.unknown().optional(),
    "Avro schema of what the task emits: a record, as JSON text or as YAML. A function's own `schemaOut` wins; a sink's is not used. Needed by a `raw` task with `out`, unless its function declares one",
    "for `fs-source` the record `s3list`",
  ),
  env: about(
    z.unknown().optional(),
    "Variables of the task, as a mapping or as a list of `name` and `value`. In `run` and `worker` they are read for `KFLOW_LONG_RUNNING_PROCESSING` and `KFLOW_SKIP_DOWNLOAD_ERROR` and win over the environment; they do not become variables of the process",
  ),
  globalConfig: about(
    mapping({
      store: about(
        storeShape("the pipeline's", "the pipeline's", "the pipeline's"),
        "Store of this task",
      ),
      sideStream: about(sideStreamShape("the pipeline's"), "Error side stream of this task"),
      metrics: metricsShape("Metrics of this task", "the pipeline's"),
    }).optional(),
    "What differs for this task from the `globalConfig` of the pipeline, field by field",
  ),
  sideOuts: about(
    list(sideOut.optional(), "begin each side out with -"),
    "Further outputs, to which the function sends with `toSideStream`",
  ),
  out,
  sidecars: about(list(z.unknown()), "Accepted; `run` and `worker` do not use it"),
  resources: about(openMapping, "Accepted; `run` and `worker` do not use it"),
});

/**
 * The shape of a pipeline file. Everything is optional here: what a task needs depends on its type and is checked with the task,
 * so that one missing key does not hide the mistakes in the others.
 */
export const documentSchema = z.strictObject({
  runtime: about(oneOf(["flow"]), "Says what kind of pipeline this is", "flow"),
  mode: about(
    oneOf(["batch", "streaming", "stream"]),
    "`batch` ends when everything is processed; `streaming`, or `stream`, goes on until it is stopped",
    "streaming",
  ),
  name: about(token("name"), "Flow id, see below", "the file's name without its extension"),
  parallelism: about(
    integer(1, MAX_PARALLELISM),
    "Workers that `kflow run` starts for each task that does not say; sources have one",
    "1",
  ),
  globalConfig: about(
    mapping({
      store: about(
        storeShape("the environment", "false", "none"),
        "Store of every task that names none",
      ),
      sideStream: about(sideStreamShape(), "Error side stream"),
      metrics: metricsShape("Metrics", "`metrics` at the top"),
      nats,
    }).optional(),
    "What holds for all tasks",
  ),
  metrics: metricsShape("The same as `globalConfig.metrics`, which wins"),
  dag: about(list(task.optional(), "begin each task with -"), "The tasks; needed"),
}, { error: expectedMapping });

export type PipelineDocument = z.infer<typeof documentSchema>;
export type TaskDocument = z.infer<typeof task>;
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
