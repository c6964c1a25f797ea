import type { Broker } from "../../broker/broker.ts";
import { RevisionConflict } from "../../broker/state_store.ts";
import type { FlowNames } from "../../broker/subjects.ts";
import { StartError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Plan } from "../../pipeline/plan/plan.ts";

/** What decides what the records of a task are, and what becomes of them. */
interface TaskShape {
  readonly type: string;
  readonly groupId: string;
  readonly topics?: string;
  /** Relative to the pipeline file, so that the same file is the same pipeline everywhere. Absent: not known to the process that wrote it. */
  readonly module?: string;
  /** Producers, with their side outs. */
  readonly from: readonly string[];
}

type FlowShape = Readonly<Record<string, TaskShape>>;

/** What stands under the key of a flow. */
interface Claim {
  /** When a start has noted it that was not over since, ms since 1970; 0 after the end of that. */
  readonly startedAt: number;
  readonly tasks: FlowShape;
}

interface Difference {
  readonly task: string;
  /** Such as `has the module "./a.ts" there and "./b.ts" here`. */
  readonly what: string;
}

/** More than this many differences are counted only. */
const MOST_SHOWN = 5;
/** So long after its start a pipeline counts as used, since its workers may not have joined their queues yet. */
const STARTING_MS = 15_000;
/** Bytes: a little less than a state store takes. */
const MOST_STATE = 500_000;
const NONE: Claim = { startedAt: 0, tasks: {} };

export interface ClaimOptions {
  readonly broker: Broker;
  readonly plan: Plan;
  readonly names: FlowNames;
  readonly log: Logger;
  /** Whether the name is taken from another pipeline that still uses it. */
  readonly takeOver: boolean;
}

/**
 * Notes which pipeline a flow id belongs to on a server, since two of them under one name would take each other's records. A pipeline that was changed goes on
 * under its name once no worker uses what differs and no record waits there.
 * @throws {StartError} naming what differs and how to take over, while one does.
 */
export async function claimFlow(options: ClaimOptions): Promise<void> {
  const { broker, plan, names, log, takeOver } = options;
  if (!broker.durable) return;
  const key = names.state("pipeline");
  const here = shapeOf(plan);
  for (;;) {
    const entry = await broker.state.get(key);
    const claim: Claim = entry === undefined ? NONE : JSON.parse(entry.value);
    const there = claim.tasks;
    const differences = compare(there, here);
    const use = differences.length === 0 ? undefined : await useOf(options, there, differences) ??
      (isStarting(claim) ? `it was started less than ${STARTING_MS / 1000} s ago` : undefined);
    if (use !== undefined && !takeOver) throw refusal(plan.flowId, differences, use);
    const tasks = withModules(here, there);
    // One note serves the many workers of a pipeline that start together.
    if (isStarting(claim) && JSON.stringify(tasks) === JSON.stringify(there)) return;
    const value = JSON.stringify({ startedAt: Date.now(), tasks } satisfies Claim);
    if (value.length > MOST_STATE) return;
    try {
      await broker.state.put(key, value, { revision: entry?.revision ?? 0 });
    } catch (error) {
      // Another worker claimed it meanwhile.
      if (error instanceof RevisionConflict) continue;
      throw error;
    }
    if (use !== undefined) log.warning("Took the flow over from another pipeline", { was: use });
    return;
  }
}

/** Notes that a pipeline has come to its end, so that another version of it may start at once. Never rejects. */
export async function releaseFlow(
  { broker, names }: Pick<ClaimOptions, "broker" | "names">,
): Promise<void> {
  if (!broker.durable) return;
  const key = names.state("pipeline");
  try {
    const entry = await broker.state.get(key);
    if (entry === undefined) return;
    const claim: Claim = JSON.parse(entry.value);
    if (!isStarting(claim)) return;
    const value = JSON.stringify({ ...claim, startedAt: 0 } satisfies Claim);
    await broker.state.put(key, value, { revision: entry.revision });
  } catch {
    // It is released by time too.
  }
}

function isStarting({ startedAt }: Claim): boolean {
  // A clock of another machine may be ahead of this one.
  return Math.abs(Date.now() - startedAt) < STARTING_MS;
}

function shapeOf(plan: Plan): FlowShape {
  return Object.fromEntries(plan.tasks.map((task) => [task.id, {
    type: task.type,
    groupId: task.groupId,
    ...(task.topics !== undefined && { topics: task.topics }),
    ...(task.module !== undefined && { module: relative(task.module, plan.folder) }),
    from: task.inputs
      .map(({ producer, sideOut }) => sideOut === undefined ? producer : `${producer}~${sideOut}`)
      .sort(),
  }]));
}

function relative(path: string, folder: string): string {
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
}

/** Modules may be known to some processes only: a container has that of its own task. */
function withModules(here: FlowShape, there: FlowShape): FlowShape {
  return Object.fromEntries(
    Object.entries(here).map(([id, shape]) => {
      const module = shape.module ?? (Object.hasOwn(there, id) ? there[id]!.module : undefined);
      return [id, module === undefined ? shape : { ...shape, module }];
    }),
  );
}

/** What tasks that both have do differently. */
function compare(there: FlowShape, here: FlowShape): Difference[] {
  const found: Difference[] = [];
  for (const [task, mine] of Object.entries(here)) {
    if (!Object.hasOwn(there, task)) continue;
    const other = there[task]!;
    const tell = (what: string, before: string | undefined, now: string | undefined) => {
      if (before === now) return;
      found.push({
        task,
        what: `has the ${what} ${JSON.stringify(before ?? "")} there and ${
          JSON.stringify(now ?? "")
        } here`,
      });
    };
    tell("type", other.type, mine.type);
    tell("topics", other.topics, mine.topics);
    tell("producers", other.from.join(", "), mine.from.join(", "));
    if (mine.module !== undefined && other.module !== undefined) {
      tell("module", other.module, mine.module);
    }
  }
  return found;
}

/** How the other pipeline still uses what differs; undefined if it does not. */
async function useOf(
  { broker, names }: ClaimOptions,
  there: FlowShape,
  differences: readonly Difference[],
): Promise<string | undefined> {
  const differing = new Set(differences.map(({ task }) => task));
  const queues = await broker.queuesUnder?.(names.allSubjects) ?? [];
  const stored = new Map(queues.map(({ stream, messages }) => [stream, messages]));
  for (const [task, shape] of Object.entries(there)) {
    const isFed = shape.from.some((producer) => differing.has(producer.split("~")[0]!));
    if (!differing.has(task) && !isFed) continue;
    const stream = names.stream(task);
    const state = await broker.queueState(stream, shape.groupId);
    if ((state?.readers ?? 0) > 0) return `a worker of its task "${task}" is running`;
    // Before its first worker a task has no group, and all that is stored waits.
    const waiting = state === undefined
      ? stored.get(stream) ?? 0
      : state.pending + state.ackPending;
    if (differing.has(task) && waiting > 0) return `${waiting} records wait for its task "${task}"`;
  }
  return undefined;
}

function refusal(flow: string, differences: readonly Difference[], use: string): StartError {
  const shown = differences.slice(0, MOST_SHOWN).map(({ task, what }) => `task "${task}" ${what}`);
  const more = differences.length - shown.length;
  if (more > 0) shown.push(`${more} more differences`);
  return new StartError(
    `Cannot start: on this server "${flow}" is the name of another pipeline, and ${use}: ${
      shown.join("; ")
    }. Give one of them another name (name in the file, or KFLOW_FLOW_ID). If this one replaces it, stop the other and set KFLOW_TAKE_OVER=true`,
  );
}
