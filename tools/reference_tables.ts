import { NEEDED } from "../src/pipeline/checking/check_task.ts";
import { type JsonSchema, jsonSchema } from "./pipeline_json_schema.ts";
import { META_RULES, type MetaRule } from "../src/pipeline/checking/meta_rules.ts";
import { kindOf, TASK_TYPES, type TaskType } from "../src/pipeline/reading/task_types.ts";
import { VARIABLES } from "../src/settings/settings.ts";

/** What each type does, as the rest of a sentence. */
export const WHAT: Readonly<Record<TaskType, string>> = {
  "fs-source": "emits a record for each object of a bucket, in streaming mode also for later ones",
  "raw-source": "emits the records that your code makes",
  "nats-source": "emits the records of a JetStream subject",
  "raw": "gives records to your function and emits what it returns",
  "s3-sink": "writes one object for each record",
  "elastic-sink": "writes one document of Elasticsearch or OpenSearch for each record",
  "print": "writes each record as a line of JSON to standard output",
};

/** Values that stand in a table as they would in a file. */
const LITERAL = /^(?!none$|unlimited$)[A-Za-z0-9]+$/;

/** A Markdown table. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(columns), line(columns.map(() => "---")), ...rows.map(line)].join("\n");
}

export function code(text: string): string {
  return `\`${text}\``;
}

/** Keys of the file outside `dag`, or those of a task. */
export function keyTable(part: "file" | "task"): string {
  const file = jsonSchema();
  const task = file.properties?.dag?.items;
  return table(
    ["key", "value", "default", "meaning"],
    part === "file" ? keyRows(file, "") : keyRows(task!, ""),
  );
}

function keyRows(mapping: JsonSchema, prefix: string): string[][] {
  return Object.entries(mapping.properties ?? {}).flatMap(([key, schema]) => {
    const path = `${prefix}${key}`;
    const { description } = schema;
    if (description === undefined) throw new Error(`Key "${path}" has no description: add one`);
    const row = [code(path), valueText(schema), fallbackText(schema.fallback), description];
    if (path === "dag") return [row];
    if (schema.items?.properties) return [row, ...keyRows(schema.items, `${path}[].`)];
    return [row, ...keyRows(schema, `${path}.`)];
  });
}

function valueText(schema: JsonSchema): string {
  const { type, items, minimum, maximum, pattern } = schema;
  if (schema.enum) return schema.enum.map(code).join(", ");
  if (type === "integer") return `integer ${minimum}..${maximum}`;
  if (type === "boolean") return "true or false";
  if (type === "string") {
    return pattern === undefined ? "string" : code(pattern.replace(/^\^|\$$/g, ""));
  }
  if (type === "array") return items?.type === "string" ? "list of strings" : "list";
  return type === "object" ? "mapping" : "see its meaning";
}

/** What holds without a key or variable, as it stands in a table. */
export function fallbackText(fallback = ""): string {
  return LITERAL.test(fallback) ? code(fallback) : fallback;
}

export function taskTypeTable(): string {
  return table(
    ["type", "kind", "what it does", "needs"],
    TASK_TYPES.map((type) => [
      code(type),
      kindOf(type),
      WHAT[type],
      needsOf(type),
    ]),
  );
}

function needsOf(type: TaskType): string {
  const keys = (NEEDED[type] ?? []).map(code);
  if (type === "fs-source" || type === "s3-sink") keys.push("a store");
  if (type === "raw" || type === "raw-source") keys.push("code: `module` or `--module`");
  return keys.join(", ");
}

/** Every meta key once for each meaning it has. */
export function metaTable(): string {
  const rows = new Map<string, { rule: MetaRule; key: string; types: TaskType[] }>();
  for (const type of TASK_TYPES) {
    for (const [key, rule] of Object.entries(META_RULES[type])) {
      const meaning = `${key}\n${rule.meaning}\n${rule.fallback}`;
      const row = rows.get(meaning) ?? { rule, key, types: [] };
      row.types.push(type);
      rows.set(meaning, row);
    }
  }
  return table(
    ["key", "task types", "value", "default", "meaning"],
    [...rows.values()].map(({ rule, key, types }) => [
      code(key),
      types.map(code).join(", "),
      rule.wanted,
      fallbackText(rule.fallback),
      rule.meaning,
    ]),
  );
}

export function variableTable(): string {
  return table(
    ["variable", "value", "default", "meaning"],
    Object.entries(VARIABLES).map(([name, { wanted, fallback, meaning }]) => [
      code(name),
      wanted,
      fallbackText(fallback),
      meaning,
    ]),
  );
}
