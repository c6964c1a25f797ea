import type { NatsAddress, Plan, TaskPlan } from "./plan.ts";

/** Ids of the tasks of a pipeline whose error records go to the topic that one of its sources reads. */
export interface TopicWriters {
  /** Those that do not depend on the source: what they write is complete when they are finished. */
  readonly before: readonly string[];
  /** Those that work on the source's own records, directly or not: while it waited for them they would wait for it. */
  readonly behind: readonly string[];
}

type Tasks = Pick<Plan, "tasks" | "nats">;

/** @param source A nats-source. */
export function topicWriters(source: TaskPlan, plan: Tasks): TopicWriters {
  const writers = plan.tasks.filter((task) => writesTo(task, source, plan));
  const reached = reachedFrom(source, plan);
  const ids = (tasks: readonly TaskPlan[]) => tasks.map(({ id }) => id);
  return {
    before: ids(writers.filter((task) => !reached.has(task))),
    behind: ids(writers.filter((task) => reached.has(task))),
  };
}

/** Everything that may wait for a task: along the edges, and from an error record to who reads it. */
function reachedFrom(start: TaskPlan, plan: Tasks): ReadonlySet<TaskPlan> {
  const byId = new Map(plan.tasks.map((task) => [task.id, task]));
  const readers = plan.tasks.filter(({ type }) => type === "nats-source");
  const reached = new Set<TaskPlan>();
  const next = [start];
  for (const task of next) {
    const behind = [
      // A task with a mistake has no plan.
      ...task.outputs.flatMap(({ consumers }) => consumers.flatMap((id) => byId.get(id) ?? [])),
      ...readers.filter((reader) => writesTo(task, reader, plan)),
    ];
    for (const one of behind) {
      if (reached.has(one)) continue;
      reached.add(one);
      next.push(one);
    }
  }
  return reached;
}

function writesTo({ kind, sideStream }: TaskPlan, reader: TaskPlan, { nats }: Tasks): boolean {
  const { enabled, errorTopics, address = nats.address } = sideStream;
  return kind !== "source" && enabled && errorTopics.includes(reader.topics ?? "") &&
    isSame(address, reader.nats?.address ?? nats.address);
}

function isSame(one: NatsAddress, other: NatsAddress): boolean {
  if (one.kind === "embedded" || other.kind === "embedded") return one.kind === other.kind;
  return one.url === other.url;
}
