import type { Finding } from "../base/errors.ts";
import { checkTask } from "./checking/check_task.ts";
import { Config } from "./checking/config.ts";
import { checkEdges } from "./checking/graph/edges.ts";
import { flowIdOf } from "./checking/flow_id.ts";
import { checkGraph, type Graph, type NamedTask } from "./checking/graph/graph.ts";
import { readModules } from "./checking/graph/modules.ts";
import { warnLiteralSecrets } from "./checking/literal_secrets.ts";
import { applySettings } from "./reading/overrides.ts";
import { type Path, Places } from "./reading/places.ts";
import type { Plan, TaskPlan } from "./plan/plan.ts";
import type { SchemaCheck } from "./checking/record_schema.ts";
import { readGiven } from "./reading/read_given.ts";
import { Report } from "./reading/findings.ts";
import { resolveValues } from "./reading/resolve.ts";
import type { PipelineDocument } from "./reading/schema.ts";
import { checkShape } from "./reading/shape.ts";
import { warnShortWindows } from "./checking/graph/short_windows.ts";
import { draftTasks, type TaskDraft } from "./checking/task_draft.ts";
import { planTask } from "./checking/graph/task_plan.ts";
import { topicWriters } from "./plan/topic_writers.ts";

const MAX_TASKS = 1000;

export interface LoadPlanInput {
  /** The file as the user named it. */
  file: string;
  /** Its text, or the same as an object: then mistakes have a path and no line. */
  content: string | object;
  /** Absolute path of the folder it lies in. */
  folder: string;
  env(name: string): string | undefined;
  /** Absolute path of `path`, seen from the folder `from`, or from the current one. */
  resolvePath(path: string, from?: string): string;
  /** Content of a file that `${file:/path}` names; rejects if it cannot be read. */
  readText(path: string): Promise<string>;
  /** `PATH=VALUE` of each `--set`, in order. */
  set?: readonly string[];
  /** `TASK=PATH` of each `--module`. Paths start at the current folder. */
  modules?: readonly string[];
  /** Looks deeper into Avro schemas: returns what is wrong with one. */
  checkSchema?: SchemaCheck;
}

export interface LoadedPlan {
  /** Absent if there are errors. */
  readonly plan?: Plan;
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
}

/**
 * Makes a checked plan of a pipeline file. All mistakes are found together; nothing is contacted, and no file is read but
 * those that `${file:…}` names. `--set` wins over the file, the file over the environment. Never throws for a user's mistake.
 */
export async function loadPlan(input: LoadPlanInput): Promise<LoadedPlan> {
  const report = new Report(new Places(input.file));
  const plan = await makePlan(input, report);
  return {
    ...(plan && !report.hasErrors && { plan }),
    errors: report.errors(),
    warnings: report.warnings(),
  };
}

async function makePlan(input: LoadPlanInput, report: Report): Promise<Plan | undefined> {
  const { folder, env, readText } = input;
  const resolvePath = (path: string) => input.resolvePath(path, folder);
  const parsed = await read(input.content, report);
  if (parsed === undefined) return undefined;
  const { value, isExpanded } = await resolveValues(parsed, {
    report,
    sources: { env: (name) => env(name), resolvePath, readText: (path) => readText(path) },
  });
  applySettings(value, input.set ?? [], report);
  const document = checkShape(value, report);
  if (!document) return undefined;
  warnLiteralSecrets(document, { report, isExpanded });
  if (document.dag === undefined && !report.isBroken(["dag"])) {
    report.error(["dag"], "dag is missing; add 'dag' with a list of tasks");
  } else if (document.dag?.length === 0) {
    report.error(["dag"], "dag is empty; add at least one task");
  } else if (document.dag && document.dag.length > MAX_TASKS) {
    report.error(["dag"], `dag has more than ${MAX_TASKS} tasks; split the pipeline`);
    return undefined;
  }
  const { checkSchema } = input;
  const drafts = draftTasks(document, { report, ...(checkSchema && { checkSchema }) });
  for (const draft of drafts) checkTask(draft, report);
  const graph = checkGraph(drafts, { report, writtenIds: writtenIds(value) });
  checkSideOutIds(drafts, report);
  return completePlan(document, graph, input, report);
}

async function read(content: string | object, report: Report): Promise<unknown> {
  if (typeof content === "object") return readGiven(content, report);
  // Reading YAML takes as long to load as half of the rest.
  const { parsePipeline } = await import("./reading/parse.ts");
  return parsePipeline(content, report);
}

function completePlan(
  document: PipelineDocument,
  graph: Graph,
  input: LoadPlanInput,
  report: Report,
): Plan {
  const { file, folder } = input;
  const resolvePath = (path: string) => input.resolvePath(path, folder);
  const config = new Config(document, { report, env: (name) => input.env(name), resolvePath });
  const flowId = flowIdOf(document, { file, report, env: (name) => input.env(name) });
  checkEdges(graph, { report, autoDownloads: (task) => config.autoDownload(task) });
  const given = readModules(input.modules ?? [], graph, report);
  const module = (task: NamedTask) => {
    const path = given.get(task.id);
    if (path !== undefined) return input.resolvePath(path);
    return task.document.module === undefined ? undefined : resolvePath(task.document.module);
  };
  const tasks = graph.tasks.flatMap((task) =>
    planTask(task, {
      graph,
      config,
      report,
      flowId,
      module,
      parallelism: document.parallelism ?? 1,
    }) ?? []
  );
  checkGroups(tasks, graph, report);
  warnShortWindows(graph, report);
  warnWithoutBuckets(tasks, graph, report);
  warnCircles(tasks, { nats: config.nats, graph, report });
  warnWithoutCode(graph, module, report);
  return {
    file,
    folder,
    flowId,
    mode: document.mode === "batch" ? "batch" : "streaming",
    nats: config.nats,
    tasks,
  };
}

/** Ids as they stand in the file, right or wrong: an `out` that names a wrong one is no second mistake. */
function writtenIds(value: unknown): Set<unknown> {
  const dag: unknown = typeof value === "object" && value !== null
    ? Reflect.get(value, "dag")
    : undefined;
  if (!Array.isArray(dag)) return new Set();
  return new Set(
    dag.map((task: unknown) =>
      typeof task === "object" && task !== null ? Reflect.get(task, "id") : undefined
    ),
  );
}

function checkSideOutIds(drafts: readonly TaskDraft[], report: Report): void {
  const ids = new Set(drafts.map((draft) => draft.id));
  for (const { document, path } of drafts) {
    for (const [index, side] of (document.sideOuts ?? []).entries()) {
      const at: Path = [...path, "sideOuts", index, "id"];
      if (side?.id !== undefined && ids.has(side.id)) {
        report.error(at, `side out "${side.id}" has the id of a task; choose another`);
      }
    }
  }
}

function warnWithoutCode(
  graph: Graph,
  module: (task: NamedTask) => string | undefined,
  report: Report,
): void {
  for (const task of graph.tasks) {
    if (task.type !== "raw" && task.type !== "raw-source") continue;
    if (task.document.image !== undefined || module(task) !== undefined) continue;
    if (report.isBroken([...task.path, "image"]) || report.isBroken([...task.path, "module"])) {
      continue;
    }
    report.warning(
      task.path,
      `${task.type} task "${task.id}" has neither image nor module; add module: ./${task.id}.ts`,
      "value",
      "no-code",
    );
  }
}

/** Records of such a task name objects, and there is no bucket that they may name. */
function warnWithoutBuckets(tasks: readonly TaskPlan[], graph: Graph, report: Report): void {
  for (const task of tasks) {
    if (!task.autoDownload || task.recordBuckets.size > 0) continue;
    const { path } = graph.tasks.find(({ id }) => id === task.id)!;
    report.warning(
      [...path, "globalConfig", "store", "autoDownload"],
      `"${task.id}" downloads what its records name, and the file names no bucket; list the buckets that records may name in globalConfig.store.buckets`,
    );
  }
}

/** A record that fails behind a nats-source, and becomes an error record where that reads, comes back again and again. */
function warnCircles(
  tasks: readonly TaskPlan[],
  { nats, graph, report }: { nats: Plan["nats"]; graph: Graph; report: Report },
): void {
  for (const source of tasks.filter(({ type }) => type === "nats-source")) {
    const { path } = graph.tasks.find(({ id }) => id === source.id)!;
    for (const id of topicWriters(source, { tasks, nats }).behind) {
      report.warning(
        [...path, "topics"],
        `error records of "${id}", which works on what is read here, come here too: one that always fails goes round for ever; give "${id}" globalConfig: {sideStream: {enabled: false}}`,
      );
    }
  }
}

/** Product document: the groupId must be unique for each function. Two tasks in one group would take each other's records. */
function checkGroups(tasks: readonly TaskPlan[], graph: Graph, report: Report): void {
  const groups = new Map(tasks.map((task) => [task.id, task.groupId]));
  const first = new Map<string, NamedTask>();
  for (const task of graph.tasks.toSorted((a, b) => Number(a.path[1]) - Number(b.path[1]))) {
    const group = groups.get(task.id);
    if (group === undefined) continue;
    const other = first.get(group);
    if (other) {
      const { line } = report.places.of([...other.path, "groupId"]);
      const where = line === undefined ? "" : ` at line ${line}`;
      report.error(
        [...task.path, "groupId"],
        `groupId "${group}" is already that of "${other.id}"${where}; give each task its own`,
      );
    } else first.set(group, task);
  }
}
