import { ConfigurationError, type Finding, reasonOf } from "../errors.ts";
import type { Host } from "../host.ts";
import { IsolatedFunction } from "../isolate/isolated_function.ts";
import type { Plan, TaskPlan } from "../pipeline/plan.ts";
import { toRecordFeed } from "../runtime/record_source.ts";
import type { TaskFunction } from "../runtime/runner_options.ts";
import { toTaskCode } from "../runtime/task_code.ts";
import { fsSource } from "./fs_source.ts";
import { printSink } from "./print.ts";
import { rawSource } from "./raw_source.ts";
import { S3_SINK_CONCURRENCY, s3Sink } from "./s3_sink.ts";
import type { TaskStore } from "../runtime/task_store.ts";

/** Makes what a task runs, anew for each worker. @throws {ConfigurationError} if a module of the user's cannot be used. */
export async function makeFunction(
  task: TaskPlan,
  context: { host: Host; store: TaskStore },
): Promise<TaskFunction> {
  const { host, store } = context;
  switch (task.type) {
    case "fs-source":
      return { kind: "source", source: fsSource(task, store) };
    case "s3-sink":
      return { kind: "process", process: s3Sink(task, store), concurrency: S3_SINK_CONCURRENCY };
    case "print":
      return { kind: "process", process: printSink(host.stdout) };
    case "raw":
      if (task.meta.get("isolate") === true) return await isolatedTask(task, context);
      return { kind: "process", ...await loadCode(task, host, toTaskCode) };
    case "raw-source":
      return {
        kind: "source",
        source: rawSource(await loadCode(task, host, toRecordFeed), { store }),
      };
    default:
      throw new ConfigurationError([unsupported(task, `task type ${task.type}`)]);
  }
}

/** What the file asks for and this version does not do: refused before anything is contacted, rather than left out in silence. */
export function unsupportedIn(plan: Plan, tasks: readonly TaskPlan[]): Finding[] {
  const findings: Finding[] = [];
  for (const task of tasks) {
    if (["nats-source", "elastic-sink"].includes(task.type)) {
      findings.push(unsupported(task, `task type ${task.type}`));
    }
    if (task.type === "raw-source" && task.outputs.some((out) => out.sideOut !== undefined)) {
      findings.push(unsupported(task, "sideOuts of a raw-source"));
    }
  }
  return findings.map((finding) => ({ ...finding, file: plan.file }));
}

function unsupported(task: TaskPlan, what: string): Finding {
  return {
    file: task.place?.file ?? "",
    line: task.place?.line,
    column: task.place?.column,
    path: task.place?.path,
    problem: `task "${task.id}" has ${what}, which this version validates but does not run`,
    hint: "take it out to run the rest",
  };
}

async function loadCode<T>(
  task: TaskPlan,
  host: Host,
  read: (exported: unknown) => T,
): Promise<T> {
  try {
    const module = await host.loadModule(task.module!);
    return read(module.default);
  } catch (error) {
    throw unusable(task, error);
  }
}

async function isolatedTask(
  task: TaskPlan,
  { host, store }: { host: Host; store: TaskStore },
): Promise<TaskFunction> {
  try {
    const process = await IsolatedFunction.start({
      task,
      store,
      startThread: (events) => host.startThread(events),
    });
    return { kind: "process", process, release: () => process.release() };
  } catch (error) {
    throw unusable(task, error);
  }
}

/** Why the module of a task cannot be its function. */
export function unusable(task: TaskPlan, error: unknown): ConfigurationError {
  return new ConfigurationError([{
    file: task.module!,
    problem: `cannot use it as the function of task "${task.id}": ${inOneLine(reasonOf(error))}`,
    hint: "correct the module, or give another with module: or --module",
  }]);
}

const COLOR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** What a platform says of a module it cannot load has lines, colors and a period. */
function inOneLine(text: string): string {
  return text.replaceAll(COLOR, "").replaceAll(/\s+/g, " ").trim().replace(/\.$/, "");
}
