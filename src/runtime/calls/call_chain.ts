import type { BulkMeta } from "../../pipeline/plan/delivery_meta.ts";
import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import type { Files } from "../../files/files.ts";
import type { TaskMetrics } from "../../metrics/metrics.ts";
import { REAL_TIMERS, type Timers } from "../../base/time/timers.ts";
import type { BlockWatch, Watched } from "./block_watch.ts";
import { Bulk } from "./bulk.ts";
import { CallTimes } from "./call_times.ts";
import { CallContext, type CallScope } from "./call_context.ts";
import type { Clock } from "./worker_clock.ts";
import { measureStep, processStep, type Step } from "./step.ts";
import { Downloads } from "../downloads/download.ts";
import { downloadStep } from "./download_step.ts";
import type { Flight } from "../records/flight.ts";
import type { ProcessFunction } from "../../api/function.ts";
import { patientStep } from "./patience.ts";
import type { TaskProgress } from "../progress/task_progress.ts";
import { TransferLog } from "../downloads/transfer_log.ts";

export interface TaskChain {
  readonly step: Step;
  /** Present in bulk mode. */
  readonly bulk?: Bulk;
}

/** What calls have around them, whatever their task. */
export interface CallSurroundings {
  /** Aborted to stop gently. */
  readonly stop: AbortSignal;
  /** Aborted when there is no more time for that. */
  readonly kill: AbortSignal;
  readonly blocks: BlockWatch;
  /** @default the real ones */
  readonly timers?: Timers;
  downloadFiles(task: TaskPlan): Promise<Files>;
  settingsOf(task: TaskPlan): {
    readonly skipDownloadError: boolean;
    /** Percent of a download or upload between two log lines; absent: none. */
    readonly progressPercent?: number;
  };
}

export interface TaskChainOptions {
  task: TaskPlan;
  process: ProcessFunction;
  scope: CallScope;
  shared: CallSurroundings;
  progress: TaskProgress;
  /** Present if bulk mode is on. */
  bulk?: BulkMeta;
  clock: Clock;
  /** Who is told to hold the thread. */
  watched: Watched;
}

/** The function of a task with everything that goes around a call of it: measure, download, wait out an outage. */
export async function chainOf(options: TaskChainOptions): Promise<TaskChain> {
  const { task, scope, shared, progress, watched, clock } = options;
  const outage = { store: scope.store, log: scope.log, stop: shared.stop };
  // Without a download the total is the time of the function.
  const metrics: Pick<TaskMetrics, "processed"> = task.autoDownload ? progress : {
    processed(milliseconds: number, calls?: number): void {
      progress.processed(milliseconds, calls);
      progress.total(milliseconds, calls);
    },
  };
  const contextOf = (flight: Flight) => new CallContext(scope, flight);
  const { process } = options;
  const bulk = options.bulk && new Bulk({
    ...options.bulk,
    flush: (records, context) => process.flush!(records, context),
    scope,
    contextOf,
    outage,
    metrics,
    timers: shared.timers ?? REAL_TIMERS,
  });
  const call = bulk === undefined
    ? measureStep(
      processStep((record, flight) => process.process(record, contextOf(flight))),
      new CallTimes({
        clock,
        metrics,
        heldLimitMs: watched.ackWaitMs / 3,
        held: (milliseconds) => shared.blocks.tell(watched, milliseconds),
      }),
    )
    : (flight: Flight) => bulk.add(flight);
  if (!task.autoDownload) return { step: patientStep(call, outage), bulk };
  const files = await shared.downloadFiles(task);
  const { skipDownloadError, progressPercent } = shared.settingsOf(task);
  const transfers = new TransferLog({ log: scope.log, percent: progressPercent });
  const downloading = downloadStep(call, {
    downloads: new Downloads({
      files,
      store: scope.store,
      buckets: scope.buckets,
      transfers,
      log: scope.log,
    }),
    metrics: progress,
    log: scope.log,
    signal: shared.kill,
    skipErrors: skipDownloadError,
  });
  return { step: patientStep(downloading, outage), bulk };
}
