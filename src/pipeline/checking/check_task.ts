import { checkMeta } from "./check_meta.ts";
import { TASK_TYPES } from "../reading/task_types.ts";
import { fieldsOf, listSchemaProblem } from "./record_schema.ts";
import type { Report } from "../reading/findings.ts";
import { quote, TOKEN_TEXT } from "../reading/schema.ts";
import { suggest } from "../reading/suggest.ts";
import type { TaskDraft } from "./task_draft.ts";
import { indexProblem, parseBucketTopic, subjectProblem } from "./topics.ts";

/** What each type cannot do without, beside its store. */
export const NEEDED: Readonly<Record<string, readonly ("topics" | "addr" | "schema")[]>> = {
  "fs-source": ["topics"],
  "nats-source": ["topics", "schema"],
  "s3-sink": ["topics"],
  "elastic-sink": ["addr", "topics"],
};
/** What `format` of a task may be; the first holds without it. */
export const FORMATS: Readonly<Record<string, readonly string[]>> = {
  "fs-source": ["list"],
  "nats-source": ["avro", "json"],
  "s3-sink": ["json", "ndjson", "avro"],
};
/** What `topics` of a task looks like. */
export const TOPICS: Readonly<Record<string, string>> = {
  "fs-source": "s3a://bucket/prefix",
  "s3-sink": "s3a://bucket/prefix",
  "nats-source": "stream.subject",
  "elastic-sink": "name-of-the-index",
};

/** Checks what a task says about itself, whatever its neighbours are. */
export function checkTask(task: TaskDraft, report: Report): void {
  const { document, path, type, kind } = task;
  if (document.id === undefined && !report.isBroken([...path, "id"])) {
    report.error([...path, "id"], `id is missing; give the task a unique id of ${TOKEN_TEXT}`);
  }
  if (document.id === "dead") {
    report.error([...path, "id"], '"dead" is where dead letters go; choose another id');
  }
  if (type === undefined) {
    if (!report.isBroken([...path, "type"])) {
      report.error([...path, "type"], `type is missing; add one of ${TASK_TYPES.join(", ")}`);
    }
    return;
  }
  checkNeeds(task, report);
  checkTopics(task, report);
  checkMeta(task.meta, { type, report });
  const formats = FORMATS[type];
  if (document.format !== undefined && formats && !formats.includes(document.format)) {
    report.error(
      [...path, "format"],
      `format of ${type} must be ${formats.join(" or ")}, got ${quote(document.format)}; change it`,
    );
  }
  if (kind === "sink" && (document.out ?? []).length > 0) {
    report.error([...path, "out"], `${type} is a sink, which has no out; remove it`, "key");
  }
  checkSideOuts(task, report);
  warnUnused(task, report);
  const [main] = task.outputs;
  if (type === "fs-source" && main?.schema !== undefined) {
    const problem = listSchemaProblem(main.schema);
    if (problem) report.error([...path, "schema"], problem);
  }
  if (document.partitionBy !== undefined && main?.schema !== undefined && kind === "source") {
    const fields = fieldsOf(main.schema);
    const type = fields.get(document.partitionBy) ?? "";
    if (["record", "array", "map", "bytes", "fixed"].includes(type)) {
      report.error(
        [...path, "partitionBy"],
        `the schema makes ${quote(document.partitionBy)} ${type}; name a field of text or numbers`,
      );
    }
    if (!fields.has(document.partitionBy)) {
      report.error(
        [...path, "partitionBy"],
        `the schema has no field ${quote(document.partitionBy)}; ${
          suggest(document.partitionBy, fields.keys(), "its fields")
        }`,
      );
    }
  }
}

function checkNeeds({ document, path, type }: TaskDraft, report: Report): void {
  for (const name of NEEDED[type ?? ""] ?? []) {
    if (document[name] === undefined && !report.isBroken([...path, name])) {
      const example =
        { topics: TOPICS[type ?? ""], addr: "host:port", schema: "an Avro record" }[name];
      report.error([...path, name], `${type} needs ${name}; add ${name}: ${example}`);
    }
  }
}

function checkTopics({ document, path, type }: TaskDraft, report: Report): void {
  const { topics } = document;
  if (topics === undefined) return;
  let problem: string | undefined;
  if (type === "fs-source" || type === "s3-sink") {
    const parsed = parseBucketTopic(topics);
    if (typeof parsed === "string") problem = parsed;
  } else if (type === "nats-source") problem = subjectProblem(topics, true);
  else if (type === "elastic-sink") problem = indexProblem(topics);
  if (problem) report.error([...path, "topics"], problem);
}

function checkSideOuts({ document, path, type, kind }: TaskDraft, report: Report): void {
  const sides = document.sideOuts ?? [];
  if (sides.length > 0 && type !== "raw" && type !== "raw-source") {
    const why = kind === "sink"
      ? "is a sink, which has no sideOuts"
      : "has no sideOuts, only user code has";
    report.error([...path, "sideOuts"], `${type} ${why}; remove them`, "key");
  }
  const seen = new Set<string>();
  for (const [index, side] of sides.entries()) {
    const at = [...path, "sideOuts", index];
    if (!side || report.isBroken(at)) continue;
    if (side.id === undefined) {
      if (!report.isBroken([...at, "id"])) {
        report.error([...at, "id"], `id is missing; give the side out an id of ${TOKEN_TEXT}`);
      }
    } else if (seen.has(side.id)) {
      report.error([...at, "id"], `side out "${side.id}" is there twice; give each its own id`);
    } else seen.add(side.id);
    if (side.schema === undefined && !report.isBroken([...at, "schema"])) {
      report.error(
        [...at, "schema"],
        "schema is missing; add the Avro schema of what goes out here",
      );
    }
  }
}

function warnUnused({ document, path, type, kind }: TaskDraft, report: Report): void {
  if (document.partitionBy !== undefined && kind !== "source") {
    report.warning(
      [...path, "partitionBy"],
      `${type} does not use partitionBy; it is for sources`,
      "key",
    );
  }
  if (document.globalConfig?.store?.autoDownload && kind === "sink") {
    const at = [...path, "globalConfig", "store", "autoDownload"];
    report.warning(
      at,
      `${type} downloads nothing; set autoDownload on the raw task that needs it`,
      "key",
    );
  }
  if (document.addr !== undefined && (type === "raw-source" || type === "print")) {
    report.warning(
      [...path, "addr"],
      `${type} does not use addr; records flow through globalConfig.nats.addr`,
      "key",
    );
  }
}
