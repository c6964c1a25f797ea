import { reasonOf } from "../errors.ts";
import type { TaskPlan } from "../pipeline/plan.ts";
import { StoreError } from "../store/store.ts";
import { waitAtMost } from "./batch_end.ts";
import type { SourceFunction } from "./function.ts";
import { TaskOutputs } from "./outputs.ts";
import type { TaskProgress } from "./progress.ts";
import { deliveryMeta } from "./queues.ts";
import type { Shared } from "./runner.ts";
import { SourceEmitter } from "./source.ts";

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
  if (made.kind !== "source") throw new TypeError(`Task "${task.id}" is not a source`);
  const publisher = broker.publisher();
  try {
    const outputs = new TaskOutputs({
      flow: plan.flowId,
      task,
      names,
      publisher,
      maxPayload: broker.maxPayload,
    });
    await outputs.open(shared.schemas, undefined);
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
    });
    const complete = await runWithRetries(made.source, emitter, { task, shared, progress });
    if (batch && complete) await end.finish(task.id);
    // What a broker in memory holds is not done yet: the source learns of it until the last consumer is.
    if (!broker.durable) await shared.downstream;
    await made.source.close?.();
    return false;
  } finally {
    publisher.close();
  }
}

/** True if the source came to its end; false if it was stopped. Throws if it cannot go on. */
async function runWithRetries(
  source: SourceFunction,
  emitter: SourceEmitter,
  options: { task: TaskPlan; shared: Shared; progress: TaskProgress },
): Promise<boolean> {
  const { task, shared, progress } = options;
  const { stop, log, batch } = shared;
  const { maxAttempts } = deliveryMeta(task, { batch, concurrency: 1 });
  for (let attempt = 1;; attempt++) {
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
      if (isPermanent(error) || attempt >= maxAttempts) throw error;
      const delayMs = Math.min(FIRST_DELAY_MS * 2 ** Math.min(attempt - 1, 20), LONGEST_DELAY_MS);
      log.warning(`Source failed and is tried again in ${delayMs} ms`, {
        task: task.id,
        attempt,
        error: reasonOf(error),
      });
      await waitAtMost(aborted(stop), delayMs);
    }
  }
}

function isPermanent(error: unknown): boolean {
  return error instanceof StoreError && error.kind !== "unavailable";
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
