import type { RunReport } from "../../../src/runtime/run/runner.ts";
import { deadLettersIn } from "../terminal/dead_letter_counts.ts";
import type { Shutdown } from "./shutdown.ts";

/** What a command that did all it was asked to do ends with. */
export const DONE = 0;
/** Something outside failed. */
export const FAILED = 1;
/** The run has dead letters. */
export const DEAD_LETTERS = 3;

/**
 * The exit status of `run` and `worker` (DESIGN.md 10). It is that of the whole run, so that a worker which is started again says the same.
 * @param report Undefined if a signal came before anything was started.
 */
export function exitStatusOf(
  report: RunReport | undefined,
  { batch, shutdown }: { batch: boolean; shutdown: Pick<Shutdown, "signalled"> },
): number {
  if (report?.tasks.some(({ failures }) => failures.length > 0)) return FAILED;
  const { signalled } = shutdown;
  // The caller must not take an unfinished batch for done.
  const isUnfinished = batch && !report?.finished;
  if (signalled !== undefined && (isUnfinished || signalled.graceIsOver)) return signalled.status;
  return report !== undefined && deadLettersIn(report) > 0 ? DEAD_LETTERS : DONE;
}
