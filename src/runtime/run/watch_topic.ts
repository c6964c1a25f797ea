import type { Consumer } from "../../broker/broker.ts";
import { reasonOf } from "../../base/errors.ts";
import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import { aborted, waitAtMost } from "../../base/time/waiting.ts";
import type { Shared } from "./run_options.ts";
import type { TaskWorker } from "../worker/worker_loop.ts";

const FIRST_LOOK_MS = 5;
const LONGEST_LOOK_MS = 500;

export interface TopicEndOptions {
  readonly task: TaskPlan;
  readonly consumer: Pick<Consumer, "state">;
  readonly worker: Pick<TaskWorker, "stop">;
  /** Tasks of the same run that write to the topic. */
  readonly writers: readonly string[];
  readonly shared: Shared;
  /** Aborted when nobody needs to know any more. */
  readonly signal: AbortSignal;
}

/**
 * Stops the worker of a source in a batch when it has read what its topic held at first, or, where tasks of the run write there, when these were
 * finished. Resolves to whether it has. Never rejects: what it cannot ask now it asks again.
 */
export async function watchTopic(options: TopicEndOptions): Promise<boolean> {
  const { task, consumer, worker, writers, shared, signal } = options;
  const { end, log } = shared;
  if (writers.length > 0 && !await end.waitFor(writers, signal)) return false;
  const ended = aborted(signal);
  let last: number | undefined;
  for (
    let waitMs = FIRST_LOOK_MS;
    !signal.aborted;
    waitMs = Math.min(waitMs * 1.5, LONGEST_LOOK_MS)
  ) {
    try {
      const { lastSequence, ackFloor, pending, ackPending } = await consumer.state();
      last ??= lastSequence;
      // The floor does not come up to the last sequence where that is of another subject.
      if (ackFloor >= last || (pending === 0 && ackPending === 0)) {
        worker.stop();
        return true;
      }
    } catch (error) {
      log.debug("Cannot ask how the topic stands", { task: task.id, reason: reasonOf(error) });
    }
    await waitAtMost(ended, waitMs);
  }
  return false;
}
