import type { TaskCode } from "../api/task_code.ts";
import type { TaskStore } from "../api/task_store.ts";
import type { Logger } from "../base/log.ts";
import type { Timers } from "../base/time/timers.ts";
import type { Broker } from "../broker/broker.ts";
import type { NatsDial } from "../broker/nats/nats_broker.ts";
import type { Exporter } from "../exporter/exporter.ts";
import type { Failpoints } from "../failpoints/failpoints.ts";
import type { Host } from "../host.ts";
import type { Plan, TaskPlan } from "../pipeline/plan/plan.ts";
import type { TaskProgress } from "../runtime/progress/task_progress.ts";
import type { RunnerOptions } from "../runtime/run/run_options.ts";
import type { RunReport } from "../runtime/run/runner.ts";
import type { Spans } from "../tracing/spans.ts";

export interface AppOptions {
  plan: Plan;
  host: Host;
  log: Logger;
  /** Folder for the embedded broker's state. @default `.kflow` beside the pipeline file */
  stateFolder?: string;
  /** Dials NATS over TCP, where the platform has sockets. */
  dialTcp?: NatsDial;
  /** Functions at hand by task id, made anew for each worker: their tasks need no module. */
  code?: ReadonlyMap<string, () => TaskCode>;
  /** A broker at hand, closed with the app. @default connects to the plan's */
  broker?: Broker;
  /** What workers, downloads and spans go by. @default the real ones */
  timers?: Timers;
  /** For tests of faults. */
  failpoints?: Failpoints;
}

export interface AppRunOptions {
  /** Where the tasks' counts can be asked for. */
  exporter?: Pick<Exporter, "metricsOf" | "started">;
  /** Tasks whose workers run here. */
  tasks: readonly TaskPlan[];
  run: string;
  /** Whether nobody can ask for the run again. */
  forgetRun?: boolean;
  /** Workers of each task; absent: as the plan says. */
  workers?: number;
  stop: AbortSignal;
  kill: AbortSignal;
  /** How often queues are looked at for somebody who watches, ms. */
  lookEveryMs?: number;
  /** See `RunnerOptions`. */
  finishMs?: number;
  /** The plan with something of it changed. @default the app's */
  plan?: Plan;
  /** Where these tasks take their records and send what comes of them. @default the app's */
  broker?: Broker;
  /** See `RunnerOptions`. */
  settlementOf?: RunnerOptions["settlementOf"];
  started?(progress: readonly TaskProgress[]): void;
}

/** A plan with everything it needs to run. */
export interface App {
  readonly broker: Broker;
  /** Where the steps of traces go; undefined: nowhere. */
  readonly spans: Spans | undefined;
  /** The store of a task, open. */
  storeOf(task: TaskPlan): Promise<TaskStore>;
  run(options: AppRunOptions): Promise<RunReport>;
  /** Lets go of connections that are made again when they are needed. Only while nothing runs. */
  rest(): Promise<void>;
  close(): Promise<void>;
}
