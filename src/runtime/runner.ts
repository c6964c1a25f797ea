import type { Broker } from "../broker/broker.ts";
import { FlowNames } from "../broker/subjects.ts";
import type { Codec } from "../codec/codec.ts";
import { StartError } from "../errors.ts";
import type { Files } from "../files/files.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Plan, TaskPlan } from "../pipeline/plan.ts";
import type { Store } from "../store/store.ts";
import { BatchEnd } from "./batch_end.ts";
import { BrokerDeadLetters, type DeadLetters, ensureDeadStream } from "./dead_letters.ts";
import type { ProcessFunction, SourceFunction } from "./function.ts";
import { TaskProgress } from "./progress.ts";
import { queueOf } from "./queues.ts";
import { Schemas } from "./schemas.ts";
import { runSource } from "./source_worker.ts";
import { runWorker } from "./task_worker.ts";

/** What a task runs: made anew for each worker. */
export type TaskFunction =
  | { readonly kind: "source"; readonly source: SourceFunction }
  | {
    readonly kind: "process";
    readonly process: ProcessFunction;
    /** Calls at once where `meta.concurrency` does not say. @default 1 */
    readonly concurrency?: number;
  };

export interface RunnerSettings {
  readonly longRunning: boolean;
  readonly skipDownloadError: boolean;
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
  readonly metrics?: Metrics;
  /** What the environment says for a task: its own `env` wins. */
  settingsOf(task: TaskPlan): RunnerSettings;
  /** Bytes of one task's input queue. */
  readonly queueBytes: number;
  storeOf(task: TaskPlan): Store;
  downloadFiles(task: TaskPlan): Promise<Files>;
  functionOf(task: TaskPlan): Promise<TaskFunction>;
  /** Where dead letters go if not to a stream of the flow. */
  readonly deadLetters?: DeadLetters;
  /** Workers of each task; absent: as the plan says. */
  readonly workers?: number;
  /** Aborted to stop gently: finish what is begun, hand the rest back. */
  readonly stop: AbortSignal;
  /** Aborted when there is no more time for that. */
  readonly kill: AbortSignal;
  /** Told once, before any worker starts, what will be counted where. */
  started?(progress: readonly TaskProgress[]): void;
}

export interface RunReport {
  readonly tasks: readonly TaskProgress[];
  /** Whether every task of this process is finished; never in streaming mode. */
  readonly finished: boolean;
  /** Tasks that had been finished before: nothing was done for them. */
  readonly finishedBefore: readonly string[];
  /** Where the dead letters are. */
  readonly deadLetterPlace: string;
  readonly milliseconds: number;
}

/** What the workers of one process share. */
export interface Shared extends RunnerOptions {
  readonly names: FlowNames;
  readonly schemas: Schemas;
  readonly end: BatchEnd;
  readonly deadLetters: DeadLetters;
  readonly batch: boolean;
  /** Resolves when the last consumer in this process is done, for sources that wait to see their records through. */
  readonly downstream: Promise<void>;
}

/**
 * Runs the workers of some tasks of a plan until they are finished, stopped or one of them cannot go on.
 * Rejects with the reason of the first worker that could not start or go on, after the others have stopped gently.
 */
export async function runTasks(options: RunnerOptions): Promise<RunReport> {
  const { plan, tasks, broker, codec, log, run } = options;
  const startedAt = performance.now();
  const names = new FlowNames(plan.flowId);
  const batch = plan.mode === "batch";
  const halt = new AbortController();
  const stop = AbortSignal.any([options.stop, halt.signal]);
  const publisher = broker.publisher();
  const consumersDone = Promise.withResolvers<void>();
  const shared: Shared = {
    ...options,
    stop,
    names,
    batch,
    schemas: new Schemas({ codec, state: broker.state, flow: plan.flowId }),
    end: new BatchEnd({ state: broker.state, names, run, log }),
    deadLetters: options.deadLetters ?? new BrokerDeadLetters({ publisher, names }),
    downstream: consumersDone.promise,
  };
  const progress = new Map(
    tasks.map((task) => [
      task.id,
      new TaskProgress(task.id, options.metrics?.task({ flow: plan.flowId, task: task.id })),
    ]),
  );
  try {
    await ensureQueues(shared);
    if (batch && !broker.durable) await forgetUnfinished(shared);
    options.started?.([...progress.values()]);
    const sources: Promise<boolean>[] = [];
    const workers: Promise<boolean>[] = [];
    let failure: { error: unknown } | undefined;
    const guarded = (work: Promise<boolean>) =>
      work.catch((error) => {
        if (options.stop.aborted && error instanceof StartError) {
          log.debug("Stopped while it was starting", { reason: error.message });
          return false;
        }
        failure ??= { error };
        halt.abort();
        return false;
      });
    for (const task of tasks) {
      const counted = progress.get(task.id)!;
      if (task.kind === "source") {
        sources.push(guarded(runSource(task, shared, counted)));
        continue;
      }
      for (let i = 0; i < (options.workers ?? task.parallelism); i++) {
        workers.push(guarded(runWorker(task, shared, counted)));
      }
    }
    const workersBefore = await Promise.all(workers);
    consumersDone.resolve();
    const sourcesBefore = await Promise.all(sources);
    if (failure !== undefined) throw failure.error;
    if (options.forgetRun && !stop.aborted) await shared.end.forget();
    return {
      tasks: [...progress.values()],
      finished: batch && !stop.aborted,
      finishedBefore: namesOf(tasks, sourcesBefore, workersBefore, options.workers),
      deadLetterPlace: shared.deadLetters.place,
      milliseconds: performance.now() - startedAt,
    };
  } finally {
    consumersDone.resolve();
    publisher.close();
  }
}

/** Makes the queues of these tasks and of everything they publish to, so that the order in which processes start does not matter. */
async function ensureQueues(shared: Shared): Promise<void> {
  const { plan, tasks, broker, names, queueBytes } = shared;
  const needed = new Set<string>();
  for (const task of tasks) {
    if (task.kind !== "source") needed.add(task.id);
    for (const output of task.outputs) output.consumers.forEach((id) => needed.add(id));
  }
  for (const task of plan.tasks) {
    if (needed.has(task.id)) await broker.ensureQueue(queueOf(task, names, queueBytes));
  }
  if (shared.deadLetters instanceof BrokerDeadLetters) {
    await ensureDeadStream(broker, names, queueBytes);
  }
}

/** An unfinished run of a broker that forgets begins anew: the records of its finished tasks went with the process. */
async function forgetUnfinished({ tasks, end }: Shared): Promise<void> {
  const finished = await Promise.all(tasks.map((task) => end.isFinished(task.id)));
  if (finished.includes(false)) await end.forget();
}

/** Each worker told whether its task was finished before it started, in the order they were started. */
function namesOf(
  tasks: readonly TaskPlan[],
  sources: boolean[],
  workers: boolean[],
  workersEach: number | undefined,
): string[] {
  const before: string[] = [];
  let source = 0;
  let worker = 0;
  for (const task of tasks) {
    if (task.kind === "source") {
      if (sources[source++]) before.push(task.id);
      continue;
    }
    if (workers[worker]) before.push(task.id);
    worker += workersEach ?? task.parallelism;
  }
  return before;
}
