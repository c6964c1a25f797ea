import type { Broker, Consumer } from "../../broker/broker.ts";
import type { FlowNames } from "../../broker/subjects.ts";
import type { Codec } from "../../codec/codec.ts";
import type { Files } from "../../files/files.ts";
import type { Logger } from "../../base/log.ts";
import type { TaskMetrics } from "../../metrics/metrics.ts";
import type { Plan, TaskPlan } from "../../pipeline/plan/plan.ts";
import type { Timers } from "../../base/time/timers.ts";
import type { Spans } from "../../tracing/spans.ts";
import type { BlockWatch } from "../calls/block_watch.ts";
import type { Settlement } from "../worker/settle_delivery.ts";
import type { BatchEnd } from "./finished_tasks.ts";
import type { DeadLetters } from "../failures/dead_letters.ts";
import type { ErrorStreams } from "../failures/error_streams.ts";
import type { TaskProgress } from "../progress/task_progress.ts";
import type { QueueGauges } from "../progress/queue_gauges.ts";
import type { Schemas } from "../records/schemas.ts";
import type { TaskFunction } from "../../api/task_function.ts";
import type { TaskStore } from "../../api/task_store.ts";

export interface RunnerSettings {
  readonly longRunning: boolean;
  readonly skipDownloadError: boolean;
  /** Percent of a download or upload between two log lines; absent: none. */
  readonly progressPercent?: number;
  /** Whether a missing stream for error records is made. */
  readonly createSideStream: boolean;
}

export interface RunnerOptions {
  readonly plan: Plan;
  /** Tasks whose workers run in this process. */
  readonly tasks: readonly TaskPlan[];
  /** Id of the run, for a batch. */
  readonly run: string;
  /** Whether nobody can ask for the run again, so that what is known of it goes with its end. @default false */
  readonly forgetRun?: boolean;
  readonly broker: Broker;
  readonly codec: Codec;
  readonly log: Logger;
  /** Where a task's counts go beside the report; undefined for a task whose metrics nobody asks for. */
  metricsOf?(task: TaskPlan): TaskMetrics | undefined;
  /** Where the steps of traces go; absent: none are made, and no trace begins here. */
  readonly spans?: Spans;
  /** What the environment says for a task: its own `env` wins. */
  settingsOf(task: TaskPlan): RunnerSettings;
  /** Bytes of one task's input queue. */
  readonly queueBytes: number;
  /** Bytes of the flow's dead letters on a broker that keeps them. */
  readonly deadLetterBytes: number;
  /** Whether the flow id is taken from another pipeline that still uses it. @default false */
  readonly takeOver?: boolean;
  /** The pod, or the host, that error records name. */
  readonly podName: string;
  /** Where the error records of a task go if not to the pipeline's own broker. */
  errorBrokerOf?(task: TaskPlan): Broker | undefined;
  storeOf(task: TaskPlan): TaskStore;
  downloadFiles(task: TaskPlan): Promise<Files>;
  /** Undefined if the worker is stopped before the function is made. */
  functionOf(task: TaskPlan): Promise<TaskFunction | undefined>;
  /** What becomes of a task's inputs where the runtime does not decide, as for records that somebody waits for. @default acks, error records, attempts, dead letters */
  settlementOf?(task: TaskPlan, consumer: Consumer, progress: TaskProgress): Settlement;
  /** Where dead letters go if not to a stream of the flow. */
  readonly deadLetters?: DeadLetters;
  /** Workers of each task; absent: as the plan says. */
  readonly workers?: number;
  /** Aborted to stop gently: finish what is begun, hand the rest back. */
  readonly stop: AbortSignal;
  /** How long after `stop` a worker still begins what it has taken, ms. @default 1000 */
  readonly finishMs?: number;
  /** Aborted when there is no more time for that. */
  readonly kill: AbortSignal;
  /** What ack waits, heartbeats and bulks go by. @default the real ones */
  readonly timers?: Timers;
  /** How often the broker is asked how the queues stand, for somebody who watches the progress, ms; absent: only for metrics. */
  readonly lookEveryMs?: number;
  /** Told once, before any worker starts, what will be counted where. */
  started?(progress: readonly TaskProgress[]): void;
}

/** What the workers of one process share. */
export interface Shared extends RunnerOptions {
  readonly names: FlowNames;
  readonly schemas: Schemas;
  readonly end: BatchEnd;
  readonly deadLetters: DeadLetters;
  readonly errorStreams: ErrorStreams;
  readonly batch: boolean;
  readonly blocks: BlockWatch;
  /** By task: what is asked now and then for its metrics. Only of tasks that have some. */
  readonly gauges: ReadonlyMap<string, QueueGauges>;
  /** Resolves when the last consumer in this process is done, for sources that wait to see their records through. */
  readonly downstream: Promise<void>;
}
