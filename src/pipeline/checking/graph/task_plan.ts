import { ackWaitOf } from "./ack_wait.ts";
import { parseHttpAddress } from "../address.ts";
import type { Config } from "../config.ts";
import type { Edge, Graph, NamedTask } from "./graph.ts";
import { Meta } from "../../plan/meta.ts";
import type { Input, StoreConfig, TaskPlan } from "../../plan/plan.ts";
import type { TaskKind, TaskType } from "../../reading/task_types.ts";
import type { Report } from "../../reading/findings.ts";
import { MAX_TOKEN } from "../../reading/schema.ts";
import { readEnv } from "../task_env.ts";
import { parseBucketTopic } from "../topics.ts";

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
  if (document.groupId === undefined && groupId.length > MAX_TOKEN && hasGroup(type, kind)) {
    report.error(
      [...path, "groupId"],
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
    ...formatOf(task),
    ...(document.partitionBy !== undefined && { partitionBy: document.partitionBy }),
    env,
    meta: new Meta(task.id, new Map([...task.meta].map(([key, entry]) => [key, entry.value]))),
    store,
    autoDownload: config.autoDownload(task),
    recordBuckets: new Set([...bucketsIn(graph), ...config.recordBuckets(task)]),
    ...ackWait(task),
    sideStream: config.sideStream(task),
    metrics: config.metrics(task),
    inputs: (graph.incoming.get(task.id) ?? []).map(inputOf),
    outputs: kind === "sink" ? [] : task.outputs.map((output) => ({
      ...(output.sideOut !== undefined && { sideOut: output.sideOut }),
      ...(output.schema !== undefined && { schema: output.schema }),
      consumers: output.consumers.map((consumer) => consumer.id),
    })),
    place: { ...report.places.of(path), path: `dag[${path[1]}]` },
  };
}

/** Buckets that the file itself names. */
export function bucketsIn({ tasks }: Graph): string[] {
  return tasks.flatMap(({ document: { topics }, type }) => {
    const parsed = topics !== undefined && (type === "fs-source" || type === "s3-sink")
      ? parseBucketTopic(topics)
      : undefined;
    return typeof parsed === "object" ? [parsed.bucket] : [];
  });
}

function hasGroup(type: TaskType, kind: TaskKind): boolean {
  return kind !== "source" || type === "nats-source";
}

/** The document has `format` beside `type`; in `meta` it means the same for an s3-sink. */
function formatOf({ document, type, meta }: NamedTask): { format?: string } {
  const inMeta = type === "s3-sink" ? meta.get("format")?.value : undefined;
  const format = document.format ?? inMeta;
  return typeof format === "string" ? { format } : {};
}

function ackWait(task: NamedTask): { ackWaitMs?: number } {
  const ackWaitMs = ackWaitOf(task);
  return ackWaitMs === undefined ? {} : { ackWaitMs };
}

function inputOf({ producer, sideOut }: Edge): Input {
  return {
    producer: producer.id,
    ...(sideOut !== undefined && { sideOut }),
    ...ackWait(producer),
  };
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
  if (upstream[0] && different.size === 1) return { ...upstream[0], ...config.writtenStore(task) };
  const hint = "set addr here, globalConfig.store.addr or KFLOW_STORE_ADDR";
  if (needs && !config.isStoreBroken(task)) {
    report.error(
      [...task.path, "addr"],
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
    for (const { producer } of graph.incoming.get(one.id) ?? []) before.add(producer);
  }
  return [...before].flatMap((one) => {
    const store = one.type === "fs-source" ? config.store(one) : {};
    return store.address ? [{ ...store, address: store.address }] : [];
  });
}
