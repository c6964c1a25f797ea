import { ackWaitOf } from "./ack_wait.ts";
import type { Graph } from "./graph.ts";
import type { Report } from "../../reading/findings.ts";

/** After a crash between publish and ack a task's input comes again once its ack wait has passed, and the queues behind it must still know the message ids. */
export function warnShortWindows(graph: Graph, report: Report): void {
  for (const task of graph.tasks) {
    const window = task.kind === "source" ? undefined : task.meta.get("duplicate.window.ms");
    if (typeof window?.value !== "number" || report.isBroken(window.path)) continue;
    const fillers = (graph.incoming.get(task.id) ?? []).map(({ producer }) => producer);
    const [slowest, longest] = [task, ...fillers]
      .map((one) => [one, ackWaitOf(one) ?? 0] as const)
      .reduce((one, other) => other[1] > one[1] ? other : one);
    const least = 5 * longest;
    if (window.value >= least) continue;
    const whose = slowest === task ? "" : ` of "${slowest.id}"`;
    report.warning(
      window.path,
      `${window.value} is under 5 times max.poll.interval.ms${whose} (${longest}), so that a redelivered record may be stored twice; use ${least} or more`,
    );
  }
}
