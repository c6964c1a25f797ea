import type { Broker } from "../broker/broker.ts";
import { placedReasonOf } from "../base/error_place.ts";
import { ConfigurationError } from "../base/errors.ts";
import type { Host } from "../host.ts";
import type { TaskPlan } from "../pipeline/plan/plan.ts";
import { toRecordFeed } from "../api/record_source.ts";
import type { TaskFunction } from "../api/task_function.ts";
import { toTaskCode } from "../api/task_code.ts";
import type { TaskStore } from "../api/task_store.ts";

/** Makes what a task runs, anew for each worker. What no task needs is not loaded. @param context.topicBroker Where a nats-source reads, if not from the pipeline's own broker. @throws {ConfigurationError} if a module of the user's cannot be used. */
export async function makeFunction(
  task: TaskPlan,
  context: { host: Host; store: TaskStore; topicBroker?: Broker },
): Promise<TaskFunction> {
  const { host, store, topicBroker } = context;
  switch (task.type) {
    case "fs-source": {
      const { fsSource } = await import("./fs_source/fs_source.ts");
      return { kind: "source", source: fsSource(task, store) };
    }
    case "s3-sink": {
      const { S3_SINK_CONCURRENCY, s3Sink } = await import("./s3_sink.ts");
      return { kind: "process", process: s3Sink(task, store), concurrency: S3_SINK_CONCURRENCY };
    }
    case "elastic-sink": {
      const { ELASTIC_SINK_CONCURRENCY, elasticSink } = await import("./elastic/sink.ts");
      return {
        kind: "process",
        process: elasticSink(task),
        // Of two records with the same id the later one is to win.
        concurrency: task.meta.has("document.id") ? 1 : ELASTIC_SINK_CONCURRENCY,
      };
    }
    case "print": {
      const { PRINT_CONCURRENCY, printSink } = await import("./print.ts");
      return { kind: "process", process: printSink(host.stdout), concurrency: PRINT_CONCURRENCY };
    }
    case "raw":
      if (task.meta.get("isolate") === true) return await isolatedTask(task, context);
      return { kind: "process", ...await loadCode(task, host, toTaskCode) };
    case "raw-source": {
      const { rawSource } = await import("./raw_source/raw_source.ts");
      return {
        kind: "source",
        source: rawSource(await loadCode(task, host, toRecordFeed), { store }),
      };
    }
    case "nats-source": {
      const { natsSource } = await import("./nats_source.ts");
      return natsSource(task, { broker: topicBroker });
    }
  }
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
  const { IsolatedFunction } = await import("../isolate/isolated_function.ts");
  try {
    const process = await IsolatedFunction.start({
      task,
      store,
      startThread: (events) => host.startThread(events),
    });
    const { manualAck } = process;
    return { kind: "process", process, manualAck, release: () => process.release() };
  } catch (error) {
    throw unusable(task, error);
  }
}

/** Why the module of a task cannot be its function. */
export function unusable(task: TaskPlan, error: unknown): ConfigurationError {
  return new ConfigurationError([{
    file: task.module!,
    problem: `cannot use it as the function of task "${task.id}": ${
      inOneLine(placedReasonOf(error))
    }`,
    hint: "correct the module, or give another with module: or --module",
  }]);
}

const COLOR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** What a platform says of a module it cannot load has lines, colors and a period. */
function inOneLine(text: string): string {
  return text.replaceAll(COLOR, "").replaceAll(/\s+/g, " ").trim().replace(/\.$/, "");
}
