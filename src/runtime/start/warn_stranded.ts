import type { Broker } from "../../broker/broker.ts";
import { DEAD, type FlowNames } from "../../broker/subjects.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Plan } from "../../pipeline/plan/plan.ts";

/**
 * Warns of records that wait for tasks which the pipeline does not have, as after a task was renamed or removed: no worker takes them. Never rejects: who may not list
 * streams does without.
 */
export async function warnStranded(
  { broker, plan, names, log }: { broker: Broker; plan: Plan; names: FlowNames; log: Logger },
): Promise<void> {
  if (broker.queuesUnder === undefined) return;
  const known = new Set([DEAD, ...plan.tasks.map(({ id }) => id)]);
  try {
    for (const { stream, subjects, messages } of await broker.queuesUnder(names.allSubjects)) {
      const task = subjects.flatMap((subject) => names.taskOf(subject) ?? [])[0];
      if (task === undefined || known.has(task) || messages === 0) continue;
      const state = await broker.queueState(stream, `${plan.flowId}-${task}`);
      const waiting = state === undefined ? messages : state.pending + state.ackPending;
      if (waiting === 0) continue;
      log.warning(
        `Records wait for task "${task}", which the pipeline does not have: no worker takes them. Give the task its old name until they are done, or delete the stream`,
        { stream, waiting },
      );
    }
  } catch (error) {
    log.debug("Cannot list the streams of the flow", { reason: reasonOf(error) });
  }
}
