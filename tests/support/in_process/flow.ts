import { createMemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import type { Broker } from "../../../src/broker/broker.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { formatFinding } from "../../../src/base/errors.ts";
import { MemoryFiles } from "../../../src/files/memory.ts";
import type { Files } from "../../../src/files/files.ts";
import { makeFunction } from "../../../src/task_types/registry.ts";
import type { Host } from "../../../src/host.ts";
import { createLogger } from "../../../src/base/log.ts";
import { loadPlan } from "../../../src/pipeline/load_plan.ts";
import type { Plan } from "../../../src/pipeline/plan/plan.ts";
import { toProcessFunction } from "../../../src/api/function.ts";
import { rawSource } from "../../../src/task_types/raw_source/raw_source.ts";
import type { Clock } from "../../../src/task_types/pacer.ts";
import { toRecordFeed } from "../../../src/api/record_source.ts";
import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import { type RunReport, runTasks } from "../../../src/runtime/run/runner.ts";
import type { RunnerOptions, RunnerSettings } from "../../../src/runtime/run/run_options.ts";
import type { TaskFunction } from "../../../src/api/task_function.ts";
import { readSettings } from "../../../src/settings/settings.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import type { Store } from "../../../src/store/store.ts";
import type { Spans } from "../../../src/tracing/spans.ts";
import { recordLogged } from "../run_record.ts";
import { taskStoreOf } from "./task_store.ts";

export interface FlowOptions {
  yaml: string;
  /** Functions by task id; a raw task without one is a mistake of the test. */
  functions?: Record<string, unknown>;
  /** Whole functions by task id, for sources. */
  tasks?: Record<string, TaskFunction>;
  /** For tasks whose module is loaded. */
  host?: Pick<Host, "loadModule" | "startThread">;
  /** Of raw-sources. */
  clock?: Clock;
  broker?: Broker;
  /** Where error records go if not to `broker`. */
  errorBroker?: Broker;
  /** Where nats-sources read if not from `broker`. */
  topicBroker?: Broker;
  store?: Store;
  files?: Files;
  run?: string;
  forgetRun?: boolean;
  /** Only these tasks; all by default. */
  only?: string[];
  settings?: Partial<RunnerSettings>;
  stop?: AbortSignal;
  kill?: AbortSignal;
  /** Called with each line that is logged. */
  told?: (line: Record<string, unknown>) => void;
  started?: (progress: readonly TaskProgress[]) => void;
  deadLetters?: RunnerOptions["deadLetters"];
  metricsOf?: RunnerOptions["metricsOf"];
  lookEveryMs?: number;
  spans?: Spans;
}

export interface FlowResult {
  report: RunReport;
  /** Lines that `print` tasks wrote, parsed. */
  printed: unknown[];
  logged: Record<string, unknown>[];
  task(id: string): TaskProgress;
}

/** A plan of the given text; throws with all mistakes. */
export async function planOf(yaml: string): Promise<Plan> {
  const { plan, errors } = await loadPlan({
    file: "pipeline.yaml",
    content: yaml,
    folder: "/flow",
    env: () => undefined,
    readText: () => Promise.reject(new Error("ENOENT")),
    resolvePath: (path, from = "/flow") => path.startsWith("/") ? path : `${from}/${path}`,
  });
  if (plan === undefined) throw new Error(errors.map(formatFinding).join("\n"));
  return plan;
}

/** Runs a pipeline in this process, on the embedded broker and a store in memory unless others are given. */
export async function runFlow(options: FlowOptions): Promise<FlowResult> {
  const plan = await planOf(options.yaml);
  const broker = options.broker ?? createMemoryBroker();
  const files = options.files ?? new MemoryFiles();
  const printed: unknown[] = [];
  const logged: Record<string, unknown>[] = [];
  const tasks = plan.tasks.filter((task) => options.only?.includes(task.id) ?? true);
  const log = createLogger({
    level: "DEBUG",
    write(line) {
      recordLogged(line.trimEnd());
      logged.push(JSON.parse(line));
      options.told?.(logged.at(-1)!);
    },
  });
  const percent = options.settings?.progressPercent;
  const store = options.store ?? new MemoryStore();
  const storeOf = ({ id }: { id: string }) =>
    taskStoreOf(store, { log: log.with({ task: id }), percent });
  const stdout = {
    write: (text: string) => printed.push(JSON.parse(text)) > 0,
    drained: () => Promise.resolve(),
    isTerminal: false,
    columns: 80,
  };
  try {
    const report = await runTasks({
      plan,
      tasks,
      run: options.run ?? "run-1",
      forgetRun: options.forgetRun,
      broker,
      codec: new AvroCodec(),
      log,
      settingsOf: (task) => ({
        ...readSettings((name) => task.env[name]).settings,
        ...options.settings,
      }),
      queueBytes: 1 << 20,
      deadLetterBytes: 1 << 20,
      podName: "pod-1",
      errorBrokerOf: () => options.errorBroker,
      storeOf,
      downloadFiles: () => Promise.resolve(files),
      functionOf: (task) => {
        const whole = options.tasks?.[task.id];
        if (whole !== undefined) return Promise.resolve(whole);
        const made = options.functions?.[task.id];
        if (made !== undefined) {
          if (task.kind === "source") {
            const source = rawSource(toRecordFeed(made), {
              store: storeOf(task),
              clock: options.clock,
            });
            return Promise.resolve({ kind: "source", source });
          }
          return Promise.resolve({ kind: "process", process: toProcessFunction(made) });
        }
        const { topicBroker } = options;
        const host = { ...options.host, stdout } as Host;
        return makeFunction(task, { host, store: storeOf(task), topicBroker });
      },
      stop: options.stop ?? new AbortController().signal,
      kill: options.kill ?? new AbortController().signal,
      started: options.started,
      deadLetters: options.deadLetters,
      metricsOf: options.metricsOf,
      lookEveryMs: options.lookEveryMs,
      spans: options.spans,
    });
    const task = (id: string) => report.tasks.find((each) => each.task === id)!;
    return { report, printed, logged, task };
  } finally {
    if (options.broker === undefined) await broker.close();
  }
}
