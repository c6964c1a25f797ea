import type { Edge, Graph } from "./graph.ts";
import { fieldsOf } from "../record_schema.ts";
import type { Report } from "../../reading/findings.ts";
import { suggest } from "../../reading/suggest.ts";

/** Meta keys that hold templates such as `{bucket}/{key}.json`, by task type. */
const TEMPLATES: Readonly<Record<string, string>> = {
  "s3-sink": "key",
  "elastic-sink": "document.id",
};
const PLAIN_TYPES = new Set([
  "string",
  "int",
  "long",
  "boolean",
  "enum",
  "float",
  "double",
  "union",
]);

/** Checks what each edge's consumer needs against the schema of what arrives, as far as the file says it. */
export function checkEdges(
  graph: Graph,
  options: { report: Report; autoDownloads: (task: Edge["consumer"]) => boolean },
): void {
  const { report } = options;
  for (const edge of graph.edges) {
    if (edge.schema === undefined) continue;
    const fields = fieldsOf(edge.schema);
    if (options.autoDownloads(edge.consumer)) checkReference(edge, fields, report);
    checkTemplate(edge, fields, report);
  }
}

function checkReference(edge: Edge, fields: ReadonlyMap<string, string>, report: Report): void {
  const lacking = ["bucket", "key"].filter((name) => fields.get(name) !== "string");
  if (lacking.length === 0) return;
  const { path } = edge.consumer;
  const names = lacking.map((name) => `"${name}"`).join(" and ");
  report.error(
    [...path, "globalConfig", "store", "autoDownload"],
    `autoDownload of "${edge.consumer.id}" needs string field${
      lacking.length > 1 ? "s" : ""
    } ${names}, which the schema of ${
      nameOf(edge)
    } lacks; add to it, or set autoDownload: false here`,
  );
}

function checkTemplate(edge: Edge, fields: ReadonlyMap<string, string>, report: Report): void {
  const { consumer } = edge;
  const key = TEMPLATES[consumer.type ?? ""];
  const entry = key === undefined ? undefined : consumer.meta.get(key);
  if (!entry || typeof entry.value !== "string" || report.isBroken(entry.path)) return;
  for (const name of templateFields(entry.value)) {
    const type = fields.get(name);
    if (type === undefined) {
      report.error(
        entry.path,
        `template needs field "${name}", which the schema of ${nameOf(edge)} lacks; ${
          suggest(name, fields.keys(), "its fields")
        }`,
      );
      return;
    }
    if (!PLAIN_TYPES.has(type)) {
      report.error(
        entry.path,
        `template needs field "${name}" as text or number, but the schema of ${
          nameOf(edge)
        } makes it ${type}; use another field`,
      );
      return;
    }
  }
}

/** Names in braces. */
export function templateFields(template: string): string[] {
  return [...template.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1]!);
}

function nameOf(edge: Edge): string {
  return edge.sideOut === undefined
    ? `"${edge.producer.id}"`
    : `side out "${edge.sideOut}" of "${edge.producer.id}"`;
}
