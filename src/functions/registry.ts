import type { Broker } from "../broker/broker.ts";
import { ConfigurationError, type Finding, reasonOf } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Plan, TaskPlan } from "../pipeline/plan.ts";
import { toProcessFunction } from "../runtime/function.ts";
import { toRecordFeed } from "../runtime/record_source.ts";
import type { TaskFunction } from "../runtime/runner_options.ts";
import type { Store } from "../store/store.ts";
import { fsSource } from "./fs_source.ts";
import { natsSource } from "./nats_source.ts";
import { printSink } from "./print.ts";
import { rawSource } from "./raw_source.ts";
import { S3_SINK_CONCURRENCY, s3Sink } from "./s3_sink.ts";

/** Makes what a task runs, anew for each worker. @param context.topicBroker Where a nats-source reads, if not from the pipeline's own broker. @throws {ConfigurationError} if a module of the user's cannot be used. */
export async function makeFunction(
  task: TaskPlan,
  context: { host: Host; store: Store; topicBroker?: Broker },
): Promise<TaskFunction> {
  const { host, store, topicBroker } = context;
  switch (task.type) {
    case "fs-source":
      return { kind: "source", source: fsSource(task, store) };
    case "s3-sink":
      return { kind: "process", process: s3Sink(task, store), concurrency: S3_SINK_CONCURRENCY };
    case "print":
      return { kind: "process", process: printSink(host.stdout) };
    case "raw":
      return { kind: "process", process: await loadCode(task, host, toProcessFunction) };
    case "raw-source":
      return {
        kind: "source",
        source: rawSource(await loadCode(task, host, toRecordFeed), { store }),
      };
    case "nats-source":
      return natsSource(task, { broker: topicBroker });
    default:
      throw new ConfigurationError([unsupported(task, `task type ${task.type}`)]);
  }
}

/** What the file asks for and this version does not do: refused before anything is contacted, rather than left out in silence. */
export function unsupportedIn(plan: Plan, tasks: readonly TaskPlan[]): Finding[] {
  const findings: Finding[] = [];
  for (const task of tasks) {
    if (task.type === "elastic-sink") {
      findings.push(unsupported(task, `task type ${task.type}`));
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
  const path = task.module!;
  try {
    const module = await host.loadModule(path);
    return read(module.default);
  } catch (error) {
    throw new ConfigurationError([{
      file: path,
      problem: `cannot use it as the function of task "${task.id}": ${inOneLine(reasonOf(error))}`,
      hint: "correct the module, or give another with module: or --module",
    }]);
  }
}

const COLOR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** What a platform says of a module it cannot load has lines, colors and a period. */
function inOneLine(text: string): string {
  return text.replaceAll(COLOR, "").replaceAll(/\s+/g, " ").trim().replace(/\.$/, "");
}
