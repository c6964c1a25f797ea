import { ConfigurationError, type Finding } from "../../../src/base/errors.ts";
import type { Host } from "../../../src/host.ts";

/** Which task a worker works on. */
export interface TaskPlace {
  /** Path of the pipeline file. */
  readonly pipeline: string;
  /** Id of its task. */
  readonly task: string;
}

/**
 * What is given, or else what `KFLOW_PIPELINE` and `KFLOW_TASK` say: a container takes its place from there.
 * @param options.ways How to give each of them otherwise, for the hint.
 * @throws {ConfigurationError} naming what is missing.
 */
export function taskPlaceOf(
  host: Host,
  given: Partial<TaskPlace>,
  { ways }: { ways: TaskPlace },
): TaskPlace {
  const findings: Finding[] = [];
  const look = (key: keyof TaskPlace, variable: string, what: string): string => {
    const value = given[key] || host.env(variable);
    if (value) return value;
    const problem = `it is needed to know ${what}`;
    const hint = `set it, or give ${ways[key]}`;
    findings.push({ file: "environment", path: variable, problem, hint });
    return "";
  };
  const place = {
    pipeline: look("pipeline", "KFLOW_PIPELINE", "the pipeline file"),
    task: look("task", "KFLOW_TASK", "the task to work on"),
  };
  if (findings.length > 0) throw new ConfigurationError(findings);
  return place;
}
