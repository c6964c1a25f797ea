import type { GroupSpec, QueueSpec } from "../broker/broker.ts";
import type { FlowNames } from "../broker/subjects.ts";
import type { TaskPlan } from "../pipeline/plan.ts";

/** The product document's default of `max.poll.interval.ms`. */
const ACK_WAIT_MS = 120_000;
const LEAST_WINDOW_MS = 600_000;
const MAX_IN_FLIGHT = 1024;

/** What a task's `meta` says about its deliveries, with the defaults filled in. */
export interface DeliveryMeta {
  readonly ackWaitMs: number;
  /** `Infinity`: tried for ever. */
  readonly maxAttempts: number;
  readonly retryDelayMs?: number;
  readonly maxInFlight: number;
  readonly concurrency: number;
}

/** @param defaults.concurrency Calls at once where the task does not say. */
export function deliveryMeta(
  task: TaskPlan,
  defaults: { batch: boolean; concurrency: number },
): DeliveryMeta {
  const { meta } = task;
  return {
    ackWaitMs: meta.getInteger("max.poll.interval.ms", ACK_WAIT_MS),
    maxAttempts: maxAttemptsOf(task, defaults.batch),
    retryDelayMs: meta.has("retry.delay.ms") ? meta.getInteger("retry.delay.ms") : undefined,
    maxInFlight: meta.getInteger("max.in.flight", MAX_IN_FLIGHT),
    concurrency: meta.getInteger("concurrency", defaults.concurrency),
  };
}

/** How often a record, or a source, is tried; `Infinity` for ever. */
export function maxAttemptsOf({ meta }: TaskPlan, batch: boolean): number {
  const attempts = meta.get("max.attempts") ?? (batch ? 5 : "unlimited");
  return attempts === "unlimited" ? Infinity : Number(attempts);
}

/**
 * The input queue of a task. Its producers make the same from the same plan, so that whoever comes first creates the stream.
 * @param maxBytes Where the task's `meta.stream.max.bytes` does not say.
 */
export function queueOf(task: TaskPlan, names: FlowNames, maxBytes: number): QueueSpec {
  const ackWaitMs = task.meta.getInteger("max.poll.interval.ms", ACK_WAIT_MS);
  return {
    stream: names.stream(task.id),
    subjects: names.subjects(task.id),
    maxBytes: task.meta.getInteger("stream.max.bytes", maxBytes),
    duplicateWindowMs: task.meta.getInteger(
      "duplicate.window.ms",
      Math.max(LEAST_WINDOW_MS, 5 * ackWaitMs),
    ),
  };
}

export function groupOf(task: TaskPlan, queue: QueueSpec, delivery: DeliveryMeta): GroupSpec {
  return {
    queue,
    group: task.groupId,
    ackWaitMs: delivery.ackWaitMs,
    maxAckPending: delivery.maxInFlight * 64,
  };
}
