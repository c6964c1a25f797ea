import { type Consumer, isWorkedOff } from "../broker/broker.ts";
import { reasonOf } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { TaskPlan } from "../pipeline/plan.ts";
import { Acknowledge } from "./acknowledge.ts";
import { CallContext, type CallScope } from "./call_context.ts";
import { measureStep, processStep, type Step } from "./chain.ts";
import { Downloads } from "./download.ts";
import { downloadStep } from "./download_step.ts";
import type { CloseContext, OpenContext } from "./context.ts";
import type { ProcessFunction } from "./function.ts";
import { TaskOutputs } from "./outputs.ts";
import type { TaskProgress } from "./progress.ts";
import { deliveryMeta, groupOf, queueOf } from "./queues.ts";
import type { Shared } from "./runner_options.ts";
import { openError } from "./open_error.ts";
import { patientStep } from "./patience.ts";
import { TaskWorker } from "./task.ts";
import { aborted, waitAtMost } from "../waiting.ts";
import { closeFunction } from "./close_function.ts";

/** Acked messages are tidied away this often. */
const TIDY_EVERY_MS = 5000;
/** For the confirmations of the last acks. */
const CLOSE_MS = 5000;

/** Runs one worker of a task until the batch is finished for it or it is stopped. True if the task had been finished before. */
export async function runWorker(
  task: TaskPlan,
  shared: Shared,
  progress: TaskProgress,
): Promise<boolean> {
  const { broker, plan, batch, end, names, stop, kill } = shared;
  if (batch && await end.isFinished(task.id)) return true;
  const log = shared.log.with({ task: task.id });
  const made = await shared.functionOf(task);
  if (made.kind !== "process") throw new TypeError(`Task "${task.id}" is a source`);
  const delivery = deliveryMeta(task, { batch, concurrency: made.concurrency ?? 1 });
  const publisher = broker.publisher();
  const outputs = new TaskOutputs({
    flow: plan.flowId,
    task,
    names,
    publisher,
    maxPayload: broker.maxPayload,
  });
  const scope: CallScope = {
    flow: plan.flowId,
    task: task.id,
    meta: task.meta,
    log,
    store: shared.storeOf(task),
    signal: kill,
    outputs,
  };
  try {
    const declared = await openFunction(made.process, task, shared, scope);
    await outputs.open(shared.schemas, declared);
    const queue = queueOf(task, names, shared.queueBytes);
    const consumer = await broker.consume(groupOf(task, queue, delivery));
    const worker = new TaskWorker({
      consumer,
      schemas: shared.schemas,
      outputs,
      progress,
      acknowledge: new Acknowledge({
        task: task.id,
        consumer,
        deadLetters: shared.deadLetters,
        errorStream: await shared.errorStreams.of(task, progress),
        progress,
        log,
        maxAttempts: delivery.maxAttempts,
        retryDelayMs: delivery.retryDelayMs,
        maxDelayMs: delivery.ackWaitMs,
      }),
      step: await chainOf(task, made.process, scope, shared, progress),
      ackWaitMs: delivery.ackWaitMs,
      concurrency: delivery.concurrency,
      maxInFlight: delivery.maxInFlight,
      longRunning: shared.settingsOf(task).longRunning,
    });
    const tidying = tidyNowAndThen(consumer, progress, log);
    const unwatch = shared.gauges.get(task.id)?.watch({ consumer, worker });
    const onStop = () => worker.stop();
    stop.addEventListener("abort", onStop, { once: true });
    if (stop.aborted) worker.stop();
    const ended = new AbortController();
    const watching = batch ? watchForEnd(task, consumer, shared, ended.signal, onStop) : undefined;
    try {
      await worker.run();
      const closing = closeContext(scope);
      await closeFunction({ close: () => made.process.close?.(closing) }, { task, progress, log });
    } finally {
      ended.abort();
      stop.removeEventListener("abort", onStop);
      await watching;
      await tidying.stop();
      await unwatch?.();
      await consumer.close(CLOSE_MS);
    }
    return false;
  } finally {
    publisher.close();
  }
}

/** Calls `open` and returns the schema that the function declares for its output, if any. */
async function openFunction(
  process: ProcessFunction,
  task: TaskPlan,
  shared: Shared,
  scope: CallScope,
): Promise<unknown> {
  if (process.open === undefined) return undefined;
  const producers = new Map(shared.plan.tasks.map((other) => [other.id, other]));
  const schemaIn: Record<string, unknown> = {};
  for (const { producer, sideOut } of task.inputs) {
    const output = producers.get(producer)?.outputs.find((each) => each.sideOut === sideOut);
    schemaIn[sideOut === undefined ? producer : `${producer}.${sideOut}`] = output?.schema;
  }
  const context: OpenContext = {
    flow: scope.flow,
    task: scope.task,
    meta: scope.meta,
    log: scope.log,
    store: scope.store,
    signal: shared.stop,
    schemaIn,
    schemaOut: task.outputs.find((output) => output.sideOut === undefined)?.schema,
  };
  try {
    await process.open(context);
  } catch (error) {
    throw openError(task, error);
  }
  return context.schemaOut;
}

/** @throws {TypeError} from `requestAck`: without manual acknowledgement nothing is held. */
function closeContext({ flow, task, log }: CallScope): CloseContext {
  return {
    flow,
    task,
    log,
    requestAck() {
      throw new TypeError(`Cannot call requestAck(): task "${task}" acknowledges by itself`);
    },
    flush: () => Promise.resolve(),
  };
}

async function chainOf(
  task: TaskPlan,
  process: ProcessFunction,
  scope: CallScope,
  shared: Shared,
  progress: TaskProgress,
): Promise<Step> {
  const call = processStep((record, flight) =>
    process.process(record, new CallContext(scope, flight))
  );
  const patience = { store: scope.store, log: scope.log, stop: shared.stop };
  if (!task.autoDownload) {
    // Without a download the total is the time of the function.
    const both = {
      processed(milliseconds: number): void {
        progress.processed(milliseconds);
        progress.total(milliseconds);
      },
    };
    return patientStep(measureStep(call, both), patience);
  }
  const files = await shared.downloadFiles(task);
  const downloading = downloadStep(measureStep(call, progress), {
    downloads: new Downloads({ files, store: scope.store, log: scope.log }),
    metrics: progress,
    log: scope.log,
    signal: shared.kill,
    skipErrors: shared.settingsOf(task).skipDownloadError,
  });
  return patientStep(downloading, patience);
}

/** Calls `finished` once the task is, whoever found it out. Never rejects: what it cannot ask now it asks again. */
async function watchForEnd(
  task: TaskPlan,
  consumer: Consumer,
  shared: Shared,
  signal: AbortSignal,
  finished: () => void,
): Promise<void> {
  const { end, log } = shared;
  const producers = [...new Set(task.inputs.map((input) => input.producer))];
  if (!await end.waitFor(producers, signal)) return;
  const ended = aborted(signal);
  for (let waitMs = 5; !signal.aborted; waitMs = Math.min(waitMs * 1.5, 500)) {
    try {
      if (await end.isFinished(task.id)) return finished();
      if (isWorkedOff(await consumer.state())) {
        await end.finish(task.id);
        return finished();
      }
    } catch (error) {
      log.debug("Cannot ask how the queue stands", { task: task.id, reason: reasonOf(error) });
    }
    await waitAtMost(ended, waitMs);
  }
}

function tidyNowAndThen(
  consumer: Consumer,
  progress: TaskProgress,
  log: Logger,
): { stop: () => Promise<void> } {
  let running = Promise.resolve();
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    running = tidy().finally(() => busy = false);
  }, TIDY_EVERY_MS);

  async function tidy(): Promise<void> {
    try {
      const { old, young } = await consumer.tidy();
      if (old + young > 0) progress.add("purged", old + young);
    } catch (error) {
      log.debug("Cannot tidy the queue", { reason: reasonOf(error) });
    }
  }
  return {
    stop() {
      clearInterval(timer);
      return running;
    },
  };
}
