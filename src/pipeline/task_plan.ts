import { parseHttpAddress } from "./address.ts";
import type { Config } from "./config.ts";
import { readEnv } from "./task_env.ts";
import type { Edge, Graph, NamedTask } from "./graph.ts";
import { Meta } from "./meta.ts";
import { checkMeta } from "./meta_rules.ts";
import type { StoreConfig, TaskPlan } from "./plan.ts";
import { fieldsOf, listSchemaProblem } from "./record_schema.ts";
import type { Report } from "./report.ts";
import { MAX_TOKEN, quote } from "./schema.ts";
import { suggest } from "./suggest.ts";
import type { TaskDraft } from "./task_draft.ts";
import { indexProblem, parseBucketTopic, subjectProblem } from "./topics.ts";

/** What each type cannot do without, beside its store. */
const NEEDED: Readonly<Record<string, readonly ("topics" | "addr" | "schema")[]>> = {
  "fs-source": ["topics"],
  "nats-source": ["topics", "schema"],
  "s3-sink": ["topics"],
  "elastic-sink": ["addr", "topics"],
};
const FORMATS: Readonly<Record<string, readonly string[]>> = {
  "fs-source": ["list"],
  "s3-sink": ["json", "ndjson", "avro"],
};
const EXAMPLES = {
  topics: "topics: s3a://bucket/prefix",
  addr: "addr: host:port",
  schema: "an Avro schema",
};

/** Checks what a task says about itself, whatever its neighbours are. */
export function checkTask(task: TaskDraft, report: Report): void {
  const { document, path, type, kind } = task;
  if (document.id === undefined && !report.isBroken([...path, "id"])) {
    report.error(path, "id is missing; give the task a unique id of [A-Za-z0-9_-]{1,64}");
  }
  if (document.id === "dead") {
    report.error([...path, "id"], '"dead" is where dead letters go; choose another id');
  }
  if (type === undefined) {
    if (!report.isBroken([...path, "type"])) {
      report.error(
        path,
        "type is missing; add one of fs-source, raw-source, nats-source, raw, s3-sink, elastic-sink, print",
      );
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
      `expected ${formats.length > 1 ? "one of " : ""}${formats.join(", ")}, got ${
        quote(document.format)
      }; change the format`,
    );
  }
  if (kind === "sink" && (document.out ?? []).length > 0) {
    report.error([...path, "out"], `${type} is a sink, which has no out; remove it`, "key");
  }
  checkSideOuts(task, report);
  const [main] = task.outputs;
  if (type === "fs-source" && main?.schema !== undefined) {
    const problem = listSchemaProblem(main.schema);
    if (problem) report.error([...path, "schema"], problem);
  }
  if (document.partitionBy !== undefined && main?.schema !== undefined && kind === "source") {
    const fields = fieldsOf(main.schema);
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
      report.error(path, `${type} needs ${name}; add ${EXAMPLES[name]}`);
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
        report.error(at, "id is missing; give the side out an id of [A-Za-z0-9_-]{1,64}");
      }
    } else if (seen.has(side.id)) {
      report.error([...at, "id"], `side out "${side.id}" is there twice; give each its own id`);
    } else seen.add(side.id);
    if (side.schema === undefined && !report.isBroken([...at, "schema"])) {
      report.error(at, "schema is missing; add the Avro schema of what goes out here");
    }
  }
}

interface PlanOptions {
  graph: Graph;
  config: Config;
  report: Report;
  flowId: string;
  /** Of the pipeline. */
  parallelism: number;
  module: (task: NamedTask) => string | undefined;
}

/** Everything a worker has to know about the task, merged. Mistakes that only show here are reported. */
export function planTask(task: NamedTask, options: PlanOptions): TaskPlan | undefined {
  const { graph, config, report, flowId } = options;
  const { document, path, type, kind } = task;
  if (type === undefined || kind === undefined) return undefined;
  const env = readEnv(document.env, { path: [...path, "env"], report });
  const store = storeOf(task, { graph, config, report });
  const bucket = document.topics === undefined ? undefined : parseBucketTopic(document.topics);
  const server = type === "elastic-sink" ? config.layerOf(task, parseHttpAddress) : undefined;
  const module = options.module(task);
  const groupId = document.groupId ?? `${flowId}-${task.id}`;
  if (document.groupId === undefined && groupId.length > MAX_TOKEN && kind !== "source") {
    report.error(
      path,
      `groupId would be "${groupId}", which is longer than ${MAX_TOKEN}; set groupId`,
    );
  }
  return {
    id: task.id,
    type,
    kind,
    parallelism: kind === "source" ? 1 : document.parallelism ?? options.parallelism,
    ...(module !== undefined && { module }),
    groupId,
    ...(document.topics !== undefined && { topics: document.topics }),
    ...(typeof bucket === "object" && { bucket }),
    ...(server?.address !== undefined && { addr: server.address }),
    ...(server?.user !== undefined && { user: server.user }),
    ...(server?.password && { password: server.password }),
    ...(type === "nats-source" && { nats: config.natsOf(task) }),
    ...(document.format !== undefined && { format: document.format }),
    ...(document.partitionBy !== undefined && { partitionBy: document.partitionBy }),
    env,
    meta: new Meta(task.id, new Map([...task.meta].map(([key, entry]) => [key, entry.value]))),
    store,
    autoDownload: config.autoDownload(task),
    sideStream: config.sideStream(task),
    metrics: config.metrics(task),
    inputs: graph.edges.filter((edge) => edge.consumer.id === task.id).map(inputOf),
    outputs: kind === "sink" ? [] : task.outputs.map((output) => ({
      ...(output.sideOut !== undefined && { sideOut: output.sideOut }),
      ...(output.schema !== undefined && { schema: output.schema }),
      consumers: output.consumers.map((consumer) => consumer.id),
    })),
    place: { ...report.places.of(path), path: `dag[${path[1]}]` },
  };
}

function inputOf({ producer, sideOut }: Edge) {
  return { producer: producer.id, ...(sideOut !== undefined && { sideOut }) };
}

interface StoreOptions {
  graph: Graph;
  config: Config;
  report: Report;
}

/** User code that names no store works on the one its records were listed in. */
function storeOf(task: NamedTask, { graph, config, report }: StoreOptions): StoreConfig {
  const own = config.store(task);
  if (own.address) return { ...own, address: own.address };
  const needs = task.type === "fs-source" || task.type === "s3-sink" || config.autoDownload(task);
  const upstream = task.type === "raw" ? listedStores(task, { graph, config, report }) : [];
  const different = new Set(upstream.map((store) => JSON.stringify([store.address, store.user])));
  if (upstream[0] && different.size === 1) return { ...upstream[0], ...own };
  const hint = "set addr here, globalConfig.store.addr or KFLOW_STORE_ADDR";
  if (
    needs && !report.isBroken([...task.path, "addr"]) && !report.isBroken(["globalConfig", "store"])
  ) {
    report.error(
      task.path,
      different.size > 1
        ? `"${task.id}" takes records from sources on different stores; ${hint}`
        : `${task.type} "${task.id}" has no store address; ${hint}`,
    );
  }
  return { address: { kind: "memory" } };
}

function listedStores(task: NamedTask, { graph, config }: StoreOptions): StoreConfig[] {
  const before = new Set([task]);
  for (const one of before) {
    for (const edge of graph.edges) if (edge.consumer.id === one.id) before.add(edge.producer);
  }
  return [...before].flatMap((one) => {
    const store = one.type === "fs-source" ? config.store(one) : {};
    return store.address ? [{ ...store, address: store.address }] : [];
  });
}
