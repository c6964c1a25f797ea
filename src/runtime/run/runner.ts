import { FlowNames } from "../../broker/subjects.ts";
import { reasonOf, StartError } from "../../base/errors.ts";
import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import { BatchEnd } from "./finished_tasks.ts";
import { BlockWatch } from "../calls/block_watch.ts";
import { BrokerDeadLetters } from "../failures/dead_letters.ts";
import { ErrorStreams } from "../failures/error_streams.ts";
import { TaskProgress } from "../progress/task_progress.ts";
import { RunDeadLetters } from "../failures/run_dead_letters.ts";
import { QueueGauges } from "../progress/queue_gauges.ts";
import { deadQueueOf, queueOf } from "./queues.ts";
import { Schemas } from "../records/schemas.ts";
import { runSource } from "./run_source.ts";
import { runWorker } from "./run_worker.ts";
import { claimFlow, releaseFlow } from "../start/claim_flow.ts";
import { warnStranded } from "../start/warn_stranded.ts";
import { CodeFirst } from "../start/code_first.ts";
import type { RunnerOptions, Shared } from "./run_options.ts";

/** As long as a start of this run can keep another pipeline from its name. */
const RELEASE_WITHIN_MS = 15_000;

export interface RunReport {
  readonly tasks: readonly TaskProgress[];
  /** Whether every task of this process is finished; never in streaming mode. */
  readonly finished: boolean;
  /** Dead letters of the whole run, by task, as far as its workers have noted them; empty in streaming mode. */
  readonly deadInRun: ReadonlyMap<string, number>;
  /** Tasks that had been finished before: nothing was done for them. */
  readonly finishedBefore: readonly string[];
  /** Where the dead letters are. */
  readonly deadLetterPlace: string;
  readonly milliseconds: number;
}

/**
 * Runs the workers of some tasks of a plan until they are finished, stopped or one of them cannot go on.
 * Rejects with the reason of the first worker that could not start or go on, after the others have stopped gently.
 */
export async function runTasks(options: RunnerOptions): Promise<RunReport> {
  const { plan, tasks, broker, codec, log, run, timers, lookEveryMs } = options;
  const startedAt = performance.now();
  const names = new FlowNames(plan.flowId);
  const batch = plan.mode === "batch";
  const halt = new AbortController();
  const stop = AbortSignal.any([options.stop, halt.signal]);
  const publisher = broker.publisher();
  const errorStreams = new ErrorStreams({ ...options, stop, names });
  const progress = new Map(
    tasks.map((task) => [task.id, new TaskProgress(task.id, options.metricsOf?.(task))]),
  );
  const consumersDone = Promise.withResolvers<void>();
  const end = new BatchEnd({ state: broker.state, names, run, log });
  const deadLetters = options.deadLetters ??
    new BrokerDeadLetters({ publisher, names, maxPayload: broker.maxPayload });
  const shared: Shared = {
    ...options,
    stop,
    names,
    batch,
    blocks: new BlockWatch(timers),
    gauges: new Map(
      [...progress.values()]
        .filter(({ next }) => next !== undefined || lookEveryMs !== undefined)
        .map((counted) => [
          counted.task,
          new QueueGauges({
            ...{ metrics: counted, log, stop, timers },
            everyMs: lookEveryMs,
          }),
        ]),
    ),
    schemas: new Schemas({
      ...{ codec, state: broker.state, flow: plan.flowId },
      lookUp: { stop, log },
    }),
    end,
    deadLetters: batch ? new RunDeadLetters(deadLetters, end) : deadLetters,
    errorStreams,
    downstream: consumersDone.promise,
  };
  let isClaimed = false;
  try {
    await claimFlow({ broker, plan, names, log, takeOver: options.takeOver ?? false });
    isClaimed = true;
    await ensureQueues(shared, options.deadLetters === undefined);
    if (batch && !broker.durable) await forgetUnfinished(shared);
    void warnStranded({ broker, plan, names, log });
    options.started?.([...progress.values()]);
    const sources: Promise<boolean>[] = [];
    const workers: Promise<boolean>[] = [];
    const code = new CodeFirst(shared);
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
        const source = guarded(runSource(task, code.ofSource(), counted));
        sources.push(source);
        void source.then(() => counted.isOver = true);
        continue;
      }
      const ofTask: Promise<boolean>[] = [];
      for (let i = 0; i < (options.workers ?? task.parallelism); i++) {
        ofTask.push(code.ofWorker((its) => guarded(runWorker(task, its, counted))));
      }
      workers.push(...ofTask);
      void Promise.all(ofTask).then(() => counted.isOver = true);
    }
    const workersBefore = await Promise.all(workers);
    consumersDone.resolve();
    const sourcesBefore = await Promise.all(sources);
    if (failure !== undefined) throw failure.error;
    const finished = batch && (!stop.aborted || await areFinished(shared));
    const deadInRun = batch ? await deadLettersOf(end, stop) : new Map();
    if (options.forgetRun && !stop.aborted) {
      // Not the run's failure: whoever ran it again would do all of its work anew.
      await shared.end.forget().catch((error) =>
        log.warning("Cannot remove the marks of the finished run; they do no harm", {
          reason: reasonOf(error),
        })
      );
    }
    return {
      tasks: [...progress.values()],
      finished,
      deadInRun,
      finishedBefore: namesOf(tasks, sourcesBefore, workersBefore, options.workers),
      deadLetterPlace: shared.deadLetters.place,
      milliseconds: performance.now() - startedAt,
    };
  } finally {
    consumersDone.resolve();
    errorStreams.close();
    publisher.close();
    // A start of long ago is released by time, and a broker that is away must not hold up the end.
    const isShort = performance.now() - startedAt < RELEASE_WITHIN_MS;
    if (isClaimed && isShort) await releaseFlow({ broker, names });
  }
}

/**
 * Makes the queues of these tasks and of everything they publish to, so that the order in which processes start does not matter.
 * @param keepsDead Whether the broker keeps the dead letters.
 */
async function ensureQueues(shared: Shared, keepsDead: boolean): Promise<void> {
  const { plan, tasks, broker, names, queueBytes, deadLetterBytes } = shared;
  const needed = new Set<string>();
  for (const task of tasks) {
    if (task.kind !== "source") needed.add(task.id);
    for (const output of task.outputs) output.consumers.forEach((id) => needed.add(id));
  }
  const queues = plan.tasks
    .filter(({ id }) => needed.has(id))
    .map((task) => queueOf(task, names, queueBytes));
  if (keepsDead) queues.push(deadQueueOf(plan.tasks, names, deadLetterBytes));
  await broker.ensureQueues(queues);
}

/** A worker that was told to stop does not wait for a broker that is away; any other has to know, since its exit status says it. */
async function deadLettersOf(end: BatchEnd, stop: AbortSignal): Promise<Map<string, number>> {
  try {
    return await end.deadLetters();
  } catch (error) {
    if (!stop.aborted) throw error;
    return new Map();
  }
}

/** Whether a stop came when all was done. While the broker does not answer, this is unknown. */
async function areFinished({ tasks, end }: Shared): Promise<boolean> {
  try {
    const finished = await Promise.all(tasks.map(({ id }) => end.isFinished(id)));
    return !finished.includes(false);
  } catch {
    return false;
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
