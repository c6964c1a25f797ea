import type { Path } from "../../reading/places.ts";
import type { Report } from "../../reading/findings.ts";
import { suggest } from "../../reading/suggest.ts";
import type { TaskDraft } from "../task_draft.ts";

/** A task with an id of its own: the only kind that others can name. */
export type NamedTask = TaskDraft & { readonly id: string };

export interface Edge {
  readonly producer: NamedTask;
  readonly consumer: NamedTask;
  /** Absent: the main output. */
  readonly sideOut?: string;
  readonly schema?: unknown;
  /** Of the entry in `out`. */
  readonly path: Path;
}

export interface Graph {
  /** Producers before consumers; else in the file's order. */
  readonly tasks: readonly NamedTask[];
  readonly edges: readonly Edge[];
  /** Edges by the id of their consumer, in the file's order. */
  readonly incoming: ReadonlyMap<string, readonly Edge[]>;
}

const MAX_CYCLES = 10;

interface GraphOptions {
  report: Report;
  /** Every id that is written in the file, also those with mistakes in them. */
  writtenIds: ReadonlySet<unknown>;
}

/** Joins the tasks and checks that records can flow from sources to the last task. */
export function checkGraph(drafts: readonly TaskDraft[], options: GraphOptions): Graph {
  const { report } = options;
  const tasks = uniqueTasks(drafts, report);
  const edges = joinTasks(tasks, options);
  const order = checkCycles(tasks, edges, report);
  checkReach(tasks, edges, { ...options, drafts, cyclic: order.cyclic });
  const incoming = Map.groupBy(edges, (edge) => edge.consumer.id);
  return { tasks: order.tasks, edges, incoming };
}

function uniqueTasks(drafts: readonly TaskDraft[], report: Report): NamedTask[] {
  const first = new Map<string, NamedTask>();
  for (const draft of drafts) {
    if (draft.id === undefined) continue;
    const task: NamedTask = { ...draft, id: draft.id };
    const earlier = first.get(task.id);
    if (earlier) {
      const { line } = report.places.of([...earlier.path, "id"]);
      report.error(
        [...task.path, "id"],
        `id "${task.id}" is already used${
          line === undefined ? "" : ` at line ${line}`
        }; give each task its own`,
      );
    } else first.set(task.id, task);
  }
  return [...first.values()];
}

function joinTasks(tasks: readonly NamedTask[], { report, writtenIds }: GraphOptions): Edge[] {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const edges: Edge[] = [];
  for (const producer of tasks) {
    const others = [...byId.keys()].filter((other) => other !== producer.id);
    for (const output of producer.outputs) {
      const seen = new Set<string>();
      for (const { id, path } of output.consumers) {
        const consumer = byId.get(id);
        if (seen.has(id)) {
          report.error(path, `"${id}" is in this out twice; remove one`);
        } else if (!consumer) {
          if (!writtenIds.has(id)) {
            report.error(
              path,
              `no task has id ${JSON.stringify(id)}; ${suggest(id, others, "tasks")}`,
            );
          }
        } else if (consumer.kind === "source") {
          report.error(
            path,
            `"${id}" is a source (${consumer.type}), which takes no input; remove it from this out`,
          );
        } else {
          const { sideOut, schema } = output;
          edges.push({
            producer,
            consumer,
            path,
            ...(sideOut !== undefined && { sideOut }),
            ...(schema !== undefined && { schema }),
          });
        }
        seen.add(id);
      }
    }
  }
  return edges;
}

/** Depth first, so that the way of a cycle is known when it closes. */
function checkCycles(tasks: readonly NamedTask[], edges: readonly Edge[], report: Report) {
  const outgoing = Map.groupBy(edges, (edge) => edge.producer);
  const done = new Set<NamedTask>();
  const cyclic = new Set<NamedTask>();
  const finished: NamedTask[] = [];
  let cycles = 0;
  for (const start of tasks.toReversed()) {
    if (done.has(start)) continue;
    const way = [{ task: start, next: (outgoing.get(start) ?? []).toReversed() }];
    while (way.length > 0) {
      const top = way.at(-1)!;
      const edge = top.next.shift();
      if (!edge) {
        way.pop();
        if (!done.has(top.task)) finished.push(top.task);
        done.add(top.task);
        continue;
      }
      const { consumer } = edge;
      const from = way.findIndex((step) => step.task === consumer);
      if (from >= 0) {
        const members = way.slice(from).map((step) => step.task);
        for (const member of members) cyclic.add(member);
        if (++cycles > MAX_CYCLES) continue;
        const names = [...members, consumer].map((task) => task.id).join(" -> ");
        report.error(
          edge.path,
          `cycle: ${names}; records would go round for ever, remove one of these`,
        );
      } else if (!done.has(consumer)) {
        way.push({ task: consumer, next: (outgoing.get(consumer) ?? []).toReversed() });
      }
    }
  }
  return { tasks: finished.toReversed(), cyclic };
}

interface ReachOptions extends GraphOptions {
  drafts: readonly TaskDraft[];
  cyclic: ReadonlySet<NamedTask>;
}

function checkReach(
  tasks: readonly NamedTask[],
  edges: readonly Edge[],
  options: ReachOptions,
): void {
  const { report, drafts, cyclic } = options;
  // With an out, an id or a type that could not be read, a missing way in may be their fault.
  const unsure = drafts.some(({ id, kind, outputs, path }) =>
    id === undefined || kind === undefined || report.isBroken(path) ||
    outputs.some((output) =>
      report.isBroken(output.path) || output.consumers.some((one) => report.isBroken(one.path))
    )
  );
  const outgoing = Map.groupBy(edges, (edge) => edge.producer);
  const hasInput = new Set(edges.map((edge) => edge.consumer));
  const spread = (from: NamedTask[]) => {
    const reached = new Set(from);
    for (const task of reached) {
      for (const { consumer } of outgoing.get(task) ?? []) reached.add(consumer);
    }
    return reached;
  };
  const fed = spread(tasks.filter((task) => task.kind === "source"));
  const afterCycle = spread([...cyclic]);
  const isAlone = (task: NamedTask) => task.kind !== "source" && !hasInput.has(task);
  for (const task of tasks) {
    if (task.kind === undefined || task.kind === "source") continue;
    if (isAlone(task)) {
      if (!unsure) {
        report.error(
          task.path,
          `task "${task.id}" is unreachable: it has no input; add "${task.id}" to the out of another task`,
        );
      }
    } else if (!fed.has(task) && !afterCycle.has(task) && !unsure) {
      report.error(
        task.path,
        `task "${task.id}" is unreachable: no source leads to it; add it, or a task before it, to the out of another task`,
      );
    }
  }
}
