import { withFileVariables } from "../../../src/settings/file_variables.ts";
import type { ProcessRuntime } from "../../../src/api/process_runtime.ts";
import { toTaskCode } from "../../../src/api/task_code.ts";
import type { NodeHost } from "../node_host.ts";
import { reportError } from "./report_error.ts";
import { workerCommand } from "./run_commands.ts";
import { taskPlaceOf } from "./task_place.ts";

/** Which task a program of the user's works on. */
export interface RunFunctionOptions {
  /** Path of the pipeline file. @default `KFLOW_PIPELINE` */
  pipeline?: string;
  /** Id of its task. @default `KFLOW_TASK` */
  task?: string;
  /** Id of the batch run. @default `KFLOW_RUN_ID`, else "default" */
  run?: string;
}

/** A worker whose function the calling program brings along. Resolves when it has ended well; otherwise ends the process, with the status of `kflow worker`. */
export async function runFunction(
  host: NodeHost,
  runtime: ProcessRuntime,
  options: RunFunctionOptions,
): Promise<void> {
  let status: number;
  try {
    const { pipeline, task } = taskPlaceOf(host, options, {
      ways: { pipeline: "run({ pipeline: … })", task: "run({ task: … })" },
    });
    const code = toTaskCode(runtime);
    const rest = { run: options.run, set: [], module: [] };
    status = await workerCommand(await withFileVariables(host), pipeline, { ...rest, task, code });
  } catch (error) {
    status = reportError(host, error);
  }
  if (status !== 0) await host.exitWhenPrinted(status);
}
