import { AvroCodec } from "../codec/avro/avro_codec.ts";
import { schemaCheck } from "../codec/schema_check.ts";
import type { NatsDial } from "../broker/nats/nats_broker.ts";
import { ConfigurationError, type Finding, formatFinding, reasonOf } from "../base/errors.ts";
import { hasFileVariables, withFileVariables } from "../settings/file_variables.ts";
import { unusable } from "../task_types/registry.ts";
import type { Host } from "../host.ts";
import { createLogger, type Logger } from "../base/log.ts";
import { type LoadedPlan, loadPlan } from "../pipeline/load_plan.ts";
import type { Plan, TaskPlan } from "../pipeline/plan/plan.ts";
import { ProcessRuntime } from "../api/process_runtime.ts";
import { toTaskCode } from "../api/task_code.ts";
import type { Secret } from "../base/secret.ts";
import { readSettings } from "../settings/settings.ts";
import type { Timers } from "../base/time/timers.ts";
import { variablesIn } from "../settings/variables.ts";
import { fetchHost } from "./fetch_host.ts";

/** A plan with what a handler needs to work on it. */
export interface HandlerParts {
  readonly plan: Plan;
  readonly host: Host;
  readonly log: Logger;
  /** Id of the run that listed and notified objects belong to. */
  readonly run: string;
  readonly dialTcp?: NatsDial;
  /** `KFLOW_HTTP_TOKEN`, also from a file. */
  readonly httpToken?: Secret;
  /** What its workers go by. @default the real ones */
  readonly timers?: Timers;
  /** What modules export by default, by task id: their tasks need no module. */
  readonly functions: ReadonlyMap<string, unknown>;
}

/** What there is beside fetch. */
export interface HandlerPlatform {
  readonly host: Host;
  readonly dialTcp: NatsDial;
}

/** What to work on, as it is given to `createHandler`. */
export interface HandlerSource {
  /** The pipeline file: its text, or the same as an object. */
  pipeline: string | object;
  /** The functions of `raw` tasks, by task id: what a module exports by default, or a `BasicRuntime`. Their tasks need no `module`. @default none */
  functions?: Readonly<Record<string, unknown>>;
  /** Variables, as in the environment of `kflow worker`, also those that name files (`KFLOW_HTTP_TOKEN_FILE`) where the host has files. @default none */
  env?: Readonly<Record<string, string | undefined>>;
}

/** The file that messages name. */
const FILE = "pipeline";

/**
 * Reads and checks everything that is given.
 * @param platform Loaded only if the pipeline needs more than fetch.
 * @throws {ConfigurationError} with every mistake.
 */
export async function loadHandlerParts(
  source: HandlerSource,
  platform: (() => Promise<HandlerPlatform>) | undefined,
): Promise<HandlerParts> {
  const given = variablesIn(source.env ?? {});
  const first = hasFileVariables(given) && platform !== undefined
    ? { ...(await platform()).host, env: given }
    : fetchHost(given);
  const { env } = await withFileVariables(first);
  const functions = new Map(Object.entries(source.functions ?? {}));
  const { settings, findings } = readSettings(env);
  let host = fetchHost(env);
  let dialTcp: NatsDial | undefined;
  let loaded = await read(source, host);
  if (platform !== undefined && needsMore(loaded, functions)) {
    const there = await platform();
    dialTcp = there.dialTcp;
    host = { ...there.host, env };
    loaded = await read(source, host);
  }
  const { plan } = loaded;
  const mistakes = [...loaded.errors, ...findings, ...functionProblems(plan, functions)];
  if (plan === undefined || mistakes.length > 0) throw new ConfigurationError(mistakes);
  const log = createLogger({
    level: settings.logLevel,
    format: host.stderr.isTerminal ? "text" : "json",
    write: (line) => host.stderr.write(line),
  }).with({ flow: plan.flowId });
  for (const warning of loaded.warnings) {
    // Whether a task has code shows where the code is put together.
    if (warning.code !== "no-code") log.warning(formatFinding(warning));
  }
  const { httpToken, runId: run = "default" } = settings;
  return { plan, host, log, functions, dialTcp, httpToken, run };
}

function read({ pipeline }: HandlerSource, host: Host): Promise<LoadedPlan> {
  return loadPlan({
    file: FILE,
    content: pipeline,
    folder: host.resolvePath("."),
    env: (name) => host.env(name),
    readText: (path) => host.readText(path),
    resolvePath: (path, from) => host.resolvePath(path, from),
    checkSchema: schemaCheck(new AvroCodec()),
  });
}

/** Whether there are files to read, modules to load or sockets to open; also where it cannot be known, as a file may be missing. */
function needsMore({ plan }: LoadedPlan, functions: ReadonlyMap<string, unknown>): boolean {
  if (plan === undefined) return true;
  if (plan.nats.address.kind === "tcp") return true;
  return plan.tasks.some((task) =>
    task.store.address.kind === "directory" || task.autoDownload ||
    (task.kind !== "source" && task.module !== undefined && !functions.has(task.id)) ||
    task.sideStream.address?.kind === "tcp"
  );
}

function functionProblems(
  plan: Plan | undefined,
  functions: ReadonlyMap<string, unknown>,
): Finding[] {
  const findings: Finding[] = [];
  for (const [id, given] of functions) {
    const task = plan?.tasks.find((each) => each.id === id);
    const mistake = (problem: string, hint: string) =>
      findings.push({ file: "functions", path: id, problem, hint });
    if (plan !== undefined && task === undefined) {
      const known = plan.tasks.map((each) => `"${each.id}"`).join(", ");
      mistake(`the pipeline has no task "${id}"`, `it has ${known}`);
    } else if (task !== undefined && task.type !== "raw") {
      mistake(`task "${id}" is of type ${task.type}`, "give functions to raw tasks");
    }
    try {
      toTaskCode(given);
    } catch (error) {
      mistake(reasonOf(error), "give what the module of a raw task exports by default");
    }
  }
  return findings;
}

/** What the module of a task exports; undefined if it is loaded elsewhere. @throws {ConfigurationError} */
export async function exportedBy(task: TaskPlan, host: Host): Promise<unknown> {
  if (task.meta.get("isolate") === true) return undefined;
  try {
    const { default: exported } = await host.loadModule(task.module!);
    toTaskCode(exported);
    return exported;
  } catch (error) {
    throw unusable(task, error);
  }
}

/** Whether a function says that it acknowledges by itself. */
export function acknowledgesItself(exported: unknown): boolean {
  return exported instanceof ProcessRuntime && exported.manualAck;
}
