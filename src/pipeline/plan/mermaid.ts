import type { Plan } from "./plan.ts";
import type { TaskKind } from "../reading/task_types.ts";

const SHAPES: Readonly<Record<TaskKind, readonly [string, string]>> = {
  source: ["([", "])"],
  transformation: ["[", "]"],
  sink: ["[(", ")]"],
};

/** The plan as a Mermaid flowchart. Side outs are dotted arrows with their id. */
export function toMermaid(plan: Plan): string {
  // Ids such as "end" are words of Mermaid's own, so the nodes are numbered.
  const nodes = new Map(plan.tasks.map((task, index) => [task.id, `t${index}`]));
  const lines = ["flowchart LR"];
  for (const { id, type, kind } of plan.tasks) {
    const [open, close] = SHAPES[kind];
    lines.push(`  ${nodes.get(id)}${open}"${id}<br/>${type}"${close}`);
  }
  for (const task of plan.tasks) {
    for (const { sideOut, consumers } of task.outputs) {
      const arrow = sideOut === undefined ? "-->" : `-. "${sideOut}" .->`;
      for (const consumer of consumers) {
        lines.push(`  ${nodes.get(task.id)} ${arrow} ${nodes.get(consumer)}`);
      }
    }
  }
  return lines.join("\n") + "\n";
}
