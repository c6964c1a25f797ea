import { ConfigurationError } from "../../src/errors.ts";
import type { ProcessRuntime } from "../../src/runtime/process_runtime.ts";
import { toTaskCode } from "../../src/runtime/task_code.ts";
import type { NodeHost } from "./node_host.ts";
import { reportError } from "./report_error.ts";
import { workerCommand } from "./run_commands.ts";

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
    const given = placeOf(host, options);
    const code = toTaskCode(runtime);
    const rest = { run: options.run, set: [], module: [] };
    status = await workerCommand(host, given.pipeline, { ...rest, task: given.task, code });
  } catch (error) {
    status = reportError(host, error);
  }
  if (status !== 0) await host.exitWhenPrinted(status);
}

function placeOf(host: NodeHost, options: RunFunctionOptions): { pipeline: string; task: string } {
  const pipeline = options.pipeline ?? host.env("KFLOW_PIPELINE") ?? "";
  const task = options.task ?? host.env("KFLOW_TASK") ?? "";
  const missing = (variable: string, option: string, what: string) => ({
    file: "environment",
    path: variable,
    problem: `it is needed to know ${what}`,
    hint: `set it, or give run({ ${option}: … })`,
  });
  const findings = [
    ...(pipeline === "" ? [missing("KFLOW_PIPELINE", "pipeline", "the pipeline file")] : []),
    ...(task === "" ? [missing("KFLOW_TASK", "task", "the task to work on")] : []),
  ];
  if (findings.length > 0) throw new ConfigurationError(findings);
  return { pipeline, task };
}
