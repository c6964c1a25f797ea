import { type ProcessFunction, toProcessFunction } from "./function.ts";
import { ProcessRuntime } from "./process_runtime.ts";

/** The user's function of a task. */
export interface TaskCode {
  readonly process: ProcessFunction;
  readonly manualAck: boolean;
}

/** Reads what a module exports by default: whatever `toProcessFunction` takes, or a `BasicRuntime`. @throws {TypeError} saying what was found instead. */
export function toTaskCode(exported: unknown): TaskCode {
  if (exported instanceof ProcessRuntime) {
    return { process: exported.process, manualAck: exported.manualAck };
  }
  return { process: toProcessFunction(exported), manualAck: false };
}
