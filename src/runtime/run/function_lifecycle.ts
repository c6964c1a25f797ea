import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import type { CallScope } from "../calls/call_context.ts";
import type { OpenContext } from "../../api/context.ts";
import type { ProcessFunction } from "../../api/function.ts";
import { openError } from "./open_error.ts";
import type { Shared } from "./run_options.ts";
import { waitForCode } from "../start/wait_for_code.ts";

/** Calls `open` and returns the schema that the function declares for its output, if any. @throws {StartError} */
export async function openFunction(
  process: ProcessFunction,
  context: { task: TaskPlan; shared: Shared; scope: CallScope },
): Promise<unknown> {
  const { task, shared, scope } = context;
  if (process.open === undefined) return undefined;
  const producers = new Map(shared.plan.tasks.map((other) => [other.id, other]));
  const schemas = task.inputs.map(({ producer, sideOut }) => {
    const output = producers.get(producer)?.outputs.find((each) => each.sideOut === sideOut);
    return [sideOut === undefined ? producer : `${producer}.${sideOut}`, output?.schema];
  });
  const given: OpenContext = {
    flow: scope.flow,
    task: scope.task,
    meta: scope.meta,
    log: scope.log,
    store: scope.store,
    signal: shared.stop,
    // Assigned, the schema of a task called `__proto__` would be lost.
    schemaIn: Object.fromEntries(schemas),
    schemaOut: task.outputs.find((output) => output.sideOut === undefined)?.schema,
  };
  try {
    const message = "Still waiting for open() of the task";
    const opening = Promise.try(() => process.open!(given));
    await waitForCode(opening, { log: scope.log, message, timers: shared.timers });
  } catch (error) {
    throw openError(task, error);
  }
  return given.schemaOut;
}
