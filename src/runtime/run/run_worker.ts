import { isWorkedOff } from "../../broker/broker.ts";
import type { Logger } from "../../base/log.ts";
import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import { REAL_TIMERS } from "../../base/time/timers.ts";
import { Acknowledge } from "../worker/settle_delivery.ts";
import type { Watched } from "../calls/block_watch.ts";
import { type CallScope, manualOf } from "../calls/call_context.ts";
import { Clock } from "../calls/worker_clock.ts";
import { closeFunction } from "./close_function.ts";
import type { CloseContext } from "../../api/context.ts";
import type { ProcessFunction } from "../../api/function.ts";
import { watchInput } from "./watch_input.ts";
import { ManualAck } from "../records/manual_ack.ts";
import { openFunction } from "./function_lifecycle.ts";
import { TaskOutputs } from "../records/outputs.ts";
import type { TaskProgress } from "../progress/task_progress.ts";
import { groupOf, maxAckPendingOf, queueOf } from "./queues.ts";
import { type BulkMeta, bulkMeta, deliveryMeta } from "../../pipeline/plan/delivery_meta.ts";
import type { Shared } from "./run_options.ts";
import { StallWatch } from "../progress/stall_watch.ts";
import { TaskWorker } from "../worker/worker_loop.ts";
import { chainOf } from "../calls/call_chain.ts";
import { TaskSpans } from "../records/task_spans.ts";
import { tidyNowAndThen } from "./janitor.ts";
import { AttemptNotes } from "../worker/attempt_notes.ts";
import { IdleLog } from "../worker/idle_log.ts";

/** For the confirmations of the last acks. */
const CLOSE_MS = 5000;

/** Runs one worker of a task until the batch is finished for it or it is stopped. True if the task had been finished before. */
export async function runWorker(
  task: TaskPlan,
  shared: Shared,
  progress: TaskProgress,
): Promise<boolean> {
  const { batch, end, stop } = shared;
  if (batch && await end.isFinished(task.id)) return true;
  // With manual acknowledgement a function may have come to its end while inputs that others held come back.
  while (await runSession(task, shared, progress) && !stop.aborted);
  return false;
}

/** Runs the function from `open` to `close`. True if there may be more for the task to do although its input seemed to be at its end. */
async function runSession(
  task: TaskPlan,
  shared: Shared,
  progress: TaskProgress,
): Promise<boolean> {
  const { broker, plan, batch, end, names, stop, kill } = shared;
  const log = shared.log.with({ task: task.id });
  const made = await shared.functionOf(task);
  if (made === undefined) return false;
  if (made.kind !== "process") throw new TypeError(`Task "${task.id}" is a source`);
  const manual = made.manualAck || task.meta.get("ack.manual") === true
    ? new ManualAck()
    : undefined;
  const bulkSettings = bulkOf(task, made.process, { manual: manual !== undefined, log });
  const delivery = deliveryMeta(task, {
    batch,
    concurrency: made.concurrency ?? 1,
    bulk: bulkSettings,
  });
  const publisher = broker.publisher();
  const outputs = new TaskOutputs({
    flow: plan.flowId,
    task,
    names,
    publisher,
    maxPayload: broker.maxPayload,
    bytes: progress.bytes,
  });
  const scope: CallScope = {
    flow: plan.flowId,
    task: task.id,
    meta: task.meta,
    log,
    store: shared.storeOf(task),
    buckets: task.recordBuckets,
    signal: kill,
    outputs,
    manual,
  };
  try {
    const declared = await openFunction(made.process, { task, shared, scope });
    await outputs.open(shared.schemas, declared);
    const queue = queueOf(task, names, shared.queueBytes);
    const consumer = await broker.consume(groupOf(task, queue, delivery));
    const watched: Watched = { task: task.id, ackWaitMs: delivery.ackWaitMs, log, progress };
    const clock = new Clock(shared.timers ?? REAL_TIMERS);
    const { step, bulk } = await chainOf({
      task,
      process: made.process,
      scope,
      shared,
      progress,
      bulk: bulkSettings,
      clock,
      watched,
    });
    // Messages of an embedded broker die with their worker.
    const attempts = broker.durable
      ? new AttemptNotes({ state: broker.state, names, task: task.id, log })
      : undefined;
    const worker = new TaskWorker({
      task: task.id,
      consumer,
      attempts,
      log,
      schemas: shared.schemas,
      outputs,
      progress,
      acknowledge: shared.settlementOf?.(task, consumer, progress) ?? new Acknowledge({
        task: task.id,
        consumer,
        deadLetters: shared.deadLetters,
        errorStream: await shared.errorStreams.of(task, progress),
        progress,
        log,
        maxAttempts: delivery.maxAttempts,
        attempts,
        retryDelayMs: delivery.retryDelayMs,
        maxDelayMs: delivery.ackWaitMs,
      }),
      step,
      manual,
      bulk,
      ackWaitMs: delivery.ackWaitMs,
      spans: TaskSpans.of(shared.spans, { flow: plan.flowId, task: task.id }),
      concurrency: delivery.concurrency,
      maxInFlight: delivery.maxInFlight,
      finishMs: shared.finishMs,
      timers: shared.timers,
      clock,
      // A call that is ended after its time cannot keep its record for ever.
      longRunning: shared.settingsOf(task).longRunning ||
        task.meta.get("isolate") === true && task.meta.has("max.processing.ms"),
    });
    // An embedded broker keeps nothing that is acknowledged.
    const tidying = broker.durable ? tidyNowAndThen(consumer, progress, log) : undefined;
    const endWatch = shared.blocks.watch(watched, worker);
    const stall = new StallWatch({
      ackWaitMs: delivery.ackWaitMs,
      worker,
      counts: progress.counts,
      timers: shared.timers,
    });
    const unwatch = shared.gauges.get(task.id)?.watch({ consumer, worker, bulk, stall });
    const idleLog = new IdleLog({
      consumer,
      worker,
      counts: progress.counts,
      maxAckPending: maxAckPendingOf(delivery),
      log,
      timers: shared.timers,
    });
    const onStop = () => worker.stop();
    stop.addEventListener("abort", onStop, { once: true });
    if (stop.aborted) worker.stop();
    const ended = new AbortController();
    const watching = batch
      ? watchInput({ task, consumer, worker, bulk, shared, signal: ended.signal })
      : undefined;
    let finished: boolean | undefined;
    try {
      const close = () => made.process.close?.(closeContext(scope));
      const left = await worker.run(() => closeFunction({ close }, { task, progress, log }));
      if (left > 0) tellLeft(left, { task, stopped: stop.aborted, log });
    } finally {
      ended.abort();
      stop.removeEventListener("abort", onStop);
      finished = await watching;
      endWatch();
      idleLog.stop();
      await tidying?.stop();
      await attempts?.settled();
      if (finished === true) await attempts?.sweep();
      await unwatch?.();
      await consumer.close(CLOSE_MS);
    }
    if (finished !== false || stop.aborted) return false;
    // Its input seemed to be at its end: whether it was shows once everything is acknowledged.
    const state = await broker.queueState(queue.stream, task.groupId);
    if (state !== undefined && !isWorkedOff(state)) return true;
    await attempts?.sweep();
    await end.finish(task.id);
    return false;
  } finally {
    made.release?.();
    publisher.close();
  }
}

function closeContext(scope: CallScope): CloseContext {
  const { flow, task, log, manual } = scope;
  return {
    flow,
    task,
    log,
    requestAck: () => manualOf(scope).releaseAll(),
    async flush(...paths) {
      await manual?.flush(paths);
    },
  };
}

/** Whether bulk mode is on, and how. What turns it off is said. */
function bulkOf(
  task: TaskPlan,
  process: ProcessFunction,
  { manual, log }: { manual: boolean; log: Logger },
): BulkMeta | undefined {
  const bulk = bulkMeta(task);
  if (bulk === undefined) return undefined;
  const reason = manual
    ? "the function acknowledges by itself"
    : process.flush === undefined
    ? "the function has no method flush(records, ctx)"
    : task.outputs.some(({ consumers }) => consumers.length > 0)
    ? "the task has outputs, and bulk mode is for sinks"
    : undefined;
  if (reason === undefined) return bulk;
  log.warning("Bulk mode is not activated", { reason });
  return undefined;
}

/** @throws {Error} unless the worker was stopped: then the rest has only to wait for the next start. */
function tellLeft(
  count: number,
  { task, stopped, log }: { task: TaskPlan; stopped: boolean; log: Logger },
): void {
  const inputs = count === 1 ? "1 input" : `${count} inputs`;
  if (stopped) {
    log.info(`Handed back ${inputs} that were held without requestAck()`);
    return;
  }
  throw new Error(
    `Task "${task.id}" still held ${inputs} without requestAck() when its input ended; they were handed back: ` +
      `call requestAck() in close() for what is left`,
  );
}
