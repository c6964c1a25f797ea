import { type Consumer, isWorkedOff, type QueueState } from "../../broker/broker.ts";
import { reasonOf } from "../../base/errors.ts";
import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import { aborted, waitAtMost } from "../../base/time/waiting.ts";
import type { Bulk } from "../calls/bulk.ts";
import type { Shared } from "./run_options.ts";
import type { TaskWorker } from "../worker/worker_loop.ts";

/** While other workers hold inputs too, nobody can tell that nothing more will come but by waiting this long for a change. */
const QUIET_MS = 2000;
/** Records that are on their way into a bulk are in it long before that. */
const BULK_QUIET_MS = 100;
const FIRST_LOOK_MS = 5;
const LONGEST_LOOK_MS = 500;

export interface InputEndOptions {
  task: TaskPlan;
  consumer: Consumer;
  worker: Pick<TaskWorker, "inFlight" | "onlyHolds" | "held" | "stop">;
  bulk?: Pick<Bulk, "flush" | "buffered">;
  shared: Shared;
  /** Aborted when nobody needs to know any more. */
  signal: AbortSignal;
}

/**
 * Tells a worker of a batch that its input has come to its end: the task is finished, whoever found it out; or nothing more will come and what is left is held here.
 * What only waits in a bulk for others to come is written. Resolves to whether the task is finished. Never rejects: what it cannot ask now it asks again.
 */
export async function watchInput(options: InputEndOptions): Promise<boolean> {
  const { task, consumer, worker, bulk, shared, signal } = options;
  const { end, log } = shared;
  const producers = [...new Set(task.inputs.map((input) => input.producer))];
  if (!await end.waitFor(producers, signal)) return false;
  const ended = aborted(signal);
  const quiet = new Quiet();
  for (
    let waitMs = FIRST_LOOK_MS;
    !signal.aborted;
    waitMs = Math.min(waitMs * 1.5, LONGEST_LOOK_MS)
  ) {
    try {
      if (await end.isFinished(task.id)) {
        worker.stop();
        return true;
      }
      const state = await consumer.state();
      // A queue that was purged looks finished although outputs of what this worker holds are still to come.
      if (isWorkedOff(state) && worker.inFlight === 0) {
        await end.finish(task.id);
        worker.stop();
        return true;
      }
      const unchanged = quiet.since(state);
      if (bulk !== undefined && state.pending === 0) {
        // Whatever else is under way may still fill the bulk, unless it is held elsewhere.
        if (state.ackPending <= bulk.buffered || unchanged > BULK_QUIET_MS) bulk.flush();
      }
      if (
        state.pending === 0 && worker.onlyHolds &&
        (state.ackPending <= worker.held || unchanged > QUIET_MS)
      ) {
        worker.stop();
        return false;
      }
    } catch (error) {
      log.debug("Cannot ask how the queue stands", { task: task.id, reason: reasonOf(error) });
    }
    await waitAtMost(ended, waitMs);
  }
  return false;
}

/** For how long a queue has stood still. */
class Quiet {
  #last = "";
  #at = 0;

  since({ lastSequence, ackFloor, pending, ackPending }: QueueState): number {
    const now = performance.now();
    const seen = [lastSequence, ackFloor, pending, ackPending].join();
    if (seen !== this.#last) this.#at = now;
    this.#last = seen;
    return now - this.#at;
  }
}
