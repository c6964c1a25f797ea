import { placedReasonOf } from "../../base/error_place.ts";
import { StartError, UnavailableError } from "../../base/errors.ts";
import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import { StoreError } from "../../store/store.ts";

/** Why a task cannot be opened; it may be later if only its store is away. */
export function openError(task: TaskPlan, error: unknown): StartError {
  const transient = error instanceof UnavailableError ||
    error instanceof StoreError && error.kind === "unavailable";
  const message = `Cannot open task "${task.id}": ${placedReasonOf(error)}`;
  return new StartError(message, { cause: error, transient });
}
