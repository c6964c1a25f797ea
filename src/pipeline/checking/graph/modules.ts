import type { Finding } from "../../../base/errors.ts";
import type { Graph } from "./graph.ts";
import type { Plan } from "../../plan/plan.ts";
import type { TaskType } from "../../reading/task_types.ts";
import type { Report } from "../../reading/findings.ts";
import { quote } from "../../reading/schema.ts";
import { suggest } from "../../reading/suggest.ts";

/** Reads `TASK=PATH` of each `--module`. */
export function readModules(
  given: readonly string[],
  graph: Graph,
  report: Report,
): ReadonlyMap<string, string> {
  const modules = new Map<string, string>();
  const userTasks = graph.tasks.filter((task) => isUserCode(task.type)).map((task) => task.id);
  for (const entry of given) {
    const equals = entry.indexOf("=");
    const id = equals < 0 ? entry : entry.slice(0, equals);
    const path = entry.slice(equals + 1);
    const task = graph.tasks.find((one) => one.id === id);
    const mistake = (problem: string, hint: string) =>
      report.add({ file: "--module", path: id, problem, hint });
    if (equals < 1 || path === "") {
      report.add({
        file: "--module",
        problem: `${quote(entry)} is not TASK=PATH`,
        hint: "write --module demo=./demo.ts",
      });
    } else if (!task) mistake(`no task has id ${quote(id)}`, suggest(id, userTasks, "tasks"));
    else if (!isUserCode(task.type)) {
      mistake(
        `"${id}" is of type ${task.type}, which runs no module`,
        "give modules to raw and raw-source tasks",
      );
    } else if (modules.has(id)) mistake(`"${id}" is given twice`, "give each task one module");
    else modules.set(id, path);
  }
  return modules;
}

/**
 * Tasks whose code cannot be run here: no `module` in the file and none from the command line. No mistake of the file, which may
 * be written for images, but `run` and `worker` cannot go on.
 * @param taskIds Only these. @default all tasks
 */
export function missingModules(plan: Plan, taskIds?: readonly string[]): Finding[] {
  return plan.tasks
    .filter(({ id, type, module }) =>
      module === undefined && isUserCode(type) && (taskIds === undefined || taskIds.includes(id))
    )
    .map(({ id, type, place }) => ({
      ...(place ?? { file: plan.file }),
      problem: `${type} task "${id}" has no code to run`,
      hint: `add module: ./${id}.ts to it, or give --module ${id}=PATH`,
    }));
}

function isUserCode(type: TaskType | undefined): boolean {
  return type === "raw" || type === "raw-source";
}
