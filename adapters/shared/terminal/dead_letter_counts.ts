import type { RunReport } from "../../../src/runtime/run/runner.ts";

/** Dead letters of the whole run as far as its workers have noted them, and of this process. */
export function deadLettersIn(report: RunReport): number {
  return [...deadLettersByTask(report).values()].reduce((sum, count) => sum + count, 0);
}

/** The same by task id; tasks without any are left out. */
export function deadLettersByTask({ tasks, deadInRun }: RunReport): Map<string, number> {
  const byTask = new Map(deadInRun);
  for (const { task, counts } of tasks) {
    const count = Math.max(counts.dead, byTask.get(task) ?? 0);
    if (count > 0) byTask.set(task, count);
  }
  return byTask;
}
