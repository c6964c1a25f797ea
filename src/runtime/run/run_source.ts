import { classOf, reasonOf, SourceError } from "../../base/errors.ts";
import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import { StoreError } from "../../store/store.ts";
import type { OpenContext } from "../../api/context.ts";
import type { SourceFunction } from "../../api/source_function.ts";
import { TaskOutputs } from "../records/outputs.ts";
import type { TaskProgress } from "../progress/task_progress.ts";
import { sourceAttemptsOf } from "../../pipeline/plan/delivery_meta.ts";
import type { Shared } from "./run_options.ts";
import { SOURCE_LIMIT, SourceEmitter } from "../sources/source_emitter.ts";
import { TaskSpans } from "../records/task_spans.ts";
import { openError } from "./open_error.ts";
import { aborted, growingDelay, waitAtMost } from "../../base/time/waiting.ts";
import { runTopic } from "./run_topic.ts";
import { closeFunction } from "./close_function.ts";

const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 60_000;

/** Runs a source until it has no more, or the worker stops. True if the task had been finished before. */
export async function runSource(
  task: TaskPlan,
  shared: Shared,
  progress: TaskProgress,
): Promise<boolean> {
  const { broker, plan, batch, end, names, stop, kill } = shared;
  if (batch && await end.isFinished(task.id)) return true;
  const made = await shared.functionOf(task);
  if (made === undefined) return false;
  if (made.kind === "topic") {
    if (await runTopic(made, { task, shared, progress }) && batch) await end.finish(task.id);
    return false;
  }
  if (made.kind !== "source") throw new TypeError(`Task "${task.id}" is not a source`);
  const publisher = broker.publisher({ limit: SOURCE_LIMIT });
  try {
    const outputs = new TaskOutputs({
      flow: plan.flowId,
      task,
      names,
      publisher,
      maxPayload: broker.maxPayload,
      bytes: progress.bytes,
    });
    const declared = await openSource(made.source, task, shared);
    await outputs.open(shared.schemas, declared);
    const emitter = new SourceEmitter({
      flow: plan.flowId,
      task,
      run: shared.run,
      batch,
      outputs,
      publisher,
      state: broker.state,
      names,
      progress,
      log: shared.log.with({ task: task.id }),
      signal: stop,
      kill,
      durable: broker.durable,
      spans: TaskSpans.of(shared.spans, { flow: plan.flowId, task: task.id }),
    });
    try {
      const complete = await runWithRetries(made.source, emitter, { task, shared, progress });
      if (batch && complete) {
        await end.finish(task.id);
        progress.isOver = true;
        await made.source.finished?.();
      }
      // What a broker in memory holds is not done yet: the source learns of it until the last consumer is.
      if (!broker.durable) await shared.downstream;
    } finally {
      await closeFunction(made.source, { task, progress, log: shared.log });
    }
    return false;
  } finally {
    publisher.close();
  }
}

/** Returns the schema of what the source emits: the file's, or the one that the source declares instead. */
async function openSource(
  source: SourceFunction,
  task: TaskPlan,
  shared: Shared,
): Promise<unknown> {
  const context: OpenContext = {
    flow: shared.plan.flowId,
    task: task.id,
    meta: task.meta,
    log: shared.log.with({ task: task.id }),
    store: shared.storeOf(task),
    signal: shared.stop,
    schemaIn: {},
    schemaOut: task.outputs.find((output) => output.sideOut === undefined)?.schema,
  };
  try {
    await source.open?.(context);
  } catch (error) {
    throw openError(task, error);
  }
  return context.schemaOut;
}

/** True if the source came to its end; false if it was stopped. Throws if it cannot go on. */
async function runWithRetries(
  source: SourceFunction,
  emitter: SourceEmitter,
  options: { task: TaskPlan; shared: Shared; progress: TaskProgress },
): Promise<boolean> {
  const { task, shared, progress } = options;
  const { stop, log, batch } = shared;
  const maxAttempts = sourceAttemptsOf(task, batch);
  let attempts = 0;
  for (let failures = 0;; failures++) {
    try {
      await source.run(emitter);
      await emitter.flush();
      return !stop.aborted;
    } catch (error) {
      if (stop.aborted) {
        log.debug("Source stopped", { task: task.id, reason: reasonOf(error) });
        return false;
      }
      progress.add("errors");
      progress.errorClasses.add(classOf(error));
      if (error instanceof SourceError && error.final) throw error;
      // A store that is away comes back; anything else of a store does not change by itself.
      const mayPass = error instanceof StoreError ? error.isOfStore : ++attempts < maxAttempts;
      if (!mayPass) throw error;
      const delayMs = growingDelay(failures, { first: FIRST_DELAY_MS, longest: LONGEST_DELAY_MS });
      log.warning(`Source failed and is tried again in ${delayMs} ms`, {
        task: task.id,
        error: reasonOf(error),
      });
      await waitAtMost(aborted(stop), delayMs);
    }
  }
}
