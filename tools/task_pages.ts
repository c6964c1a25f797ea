import { fileURLToPath } from "node:url";
import { FORMATS, NEEDED, TOPICS } from "../src/pipeline/checking/check_task.ts";
import { META_RULES } from "../src/pipeline/checking/meta_rules.ts";
import { kindOf, type TaskType } from "../src/pipeline/reading/task_types.ts";
import { code, fallbackText, table, WHAT } from "./reference_tables.ts";

/** Task types with a page below docs/tasks. What a `raw` task runs is a chapter of its own. */
export const PAGE_TYPES = [
  "fs-source",
  "raw-source",
  "nats-source",
  "s3-sink",
  "elastic-sink",
  "print",
] as const;

type PageType = (typeof PAGE_TYPES)[number];

interface Server {
  readonly name: string;
  readonly fallback: string;
}

const STORE: Server = { name: "the store", fallback: "`globalConfig.store`, else the environment" };
const SERVERS: Readonly<Partial<Record<TaskType, Server>>> = {
  "fs-source": STORE,
  "s3-sink": STORE,
  "nats-source": { name: "the NATS server", fallback: "the pipeline's own broker" },
  "elastic-sink": { name: "Elasticsearch or OpenSearch", fallback: "none" },
};

const TOPIC_MEANING: Readonly<Partial<Record<TaskType, string>>> = {
  "fs-source": "What is listed: a bucket, optionally with a prefix",
  "s3-sink": "Where objects are written: a bucket, optionally with a prefix",
  "nats-source": "The subject; the server knows its stream",
  "elastic-sink": "The index, an alias or a data stream",
};

const FORMAT_MEANING: Readonly<Partial<Record<TaskType, string>>> = {
  "fs-source": "There is only this one",
  "s3-sink": "What an object contains",
  "nats-source": "Encoding of messages without the header `Kflow-Schema`",
};

export function taskPageFile(type: PageType): string {
  return fileURLToPath(new URL(`../docs/tasks/${type}.md`, import.meta.url));
}

/**
 * Puts the settings of a task type, from what the code accepts, into its page: between `<!-- settings of TYPE -->` and `<!-- end of settings -->`.
 * @throws {Error} if the page has no such place.
 */
export function withSettings(page: string, type: PageType): string {
  const start = `<!-- settings of ${type} -->`;
  const end = "<!-- end of settings -->";
  const from = page.indexOf(start);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/tasks/${type}.md lacks "${start}" … "${end}"`);
  return `${page.slice(0, from + start.length)}\n${settingsOf(type)}\n${page.slice(to)}`;
}

function settingsOf(type: PageType): string {
  const rows = [...taskRows(type), ...metaRows(type)];
  return `<!-- Made by \`npm run reference\` from what the code accepts. Change the code, not this table. -->

A ${kindOf(type)}. It ${WHAT[type]}.

${table(["key", "value", "default", "meaning"], rows)}

Keys that all tasks have are in the [reference](../reference.md#a-task).
`;
}

function taskRows(type: PageType): string[][] {
  const needed: readonly string[] = NEEDED[type] ?? [];
  const fallback = (key: string, other: string) => needed.includes(key) ? "needed" : other;
  const rows: string[][] = [];
  if (type === "raw-source") {
    rows.push([code("module"), "path", "`--module`", "TypeScript or JavaScript with the code"]);
  }
  const topics = TOPICS[type];
  if (topics !== undefined) {
    rows.push([code("topics"), code(topics), fallback("topics", "none"), TOPIC_MEANING[type]!]);
  }
  const server = SERVERS[type];
  if (server !== undefined) {
    const { name } = server;
    rows.push([
      code("addr"),
      "address",
      fallback("addr", server.fallback),
      `Address of ${name}, see [Addresses](../reference.md#addresses)`,
    ]);
    const credentials = server === STORE ? "as `addr`" : "none";
    rows.push(["`user`, `password`", "string", credentials, `Credentials for ${name}`]);
  }
  const formats = FORMATS[type];
  if (formats !== undefined) {
    rows.push([
      code("format"),
      formats.map(code).join(", "),
      code(formats[0]!),
      FORMAT_MEANING[type]!,
    ]);
  }
  if (kindOf(type) === "source") {
    const schema = type === "fs-source" ? "the record `s3list`" : "that of the module";
    rows.push([
      code("schema"),
      "Avro record",
      fallback("schema", schema),
      "Schema of what the task emits",
    ]);
  }
  return rows;
}

function metaRows(type: PageType): string[][] {
  return Object.entries(META_RULES[type]).map(([key, { wanted, fallback, meaning }]) => [
    code(`meta.${key}`),
    wanted,
    fallbackText(fallback),
    meaning,
  ]);
}
