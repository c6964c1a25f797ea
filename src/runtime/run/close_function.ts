import { reasonOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import type { TaskProgress } from "../progress/task_progress.ts";

/** Calls `close` if there is one. A failure takes nothing back that was done: it is logged, counted, and makes the run fail at its end. */
export async function closeFunction(
  made: { close?(): void | Promise<void> },
  context: { task: TaskPlan; progress: TaskProgress; log: Logger },
): Promise<void> {
  const { task, progress, log } = context;
  try {
    await made.close?.();
  } catch (error) {
    const failure = `Cannot close task "${task.id}": ${reasonOf(error)}`;
    log.error(failure);
    progress.add("errors");
    progress.failures.push(failure);
  }
}
