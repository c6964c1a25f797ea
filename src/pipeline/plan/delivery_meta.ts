import type { TaskPlan } from "./plan.ts";

/** Of `max.poll.interval.ms`, by the product document. */
export const DEFAULT_POLL_MS = 120_000;
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

/** Bulk mode as the pipeline file asks for it. */
export interface BulkMeta {
  /** Records. */
  readonly size: number;
  readonly timerMs: number;
}

/** Undefined unless it is enabled with a timer and a size above 0 (product document, "Sending bulk data through Sinks"). */
export function bulkMeta({ meta }: TaskPlan): BulkMeta | undefined {
  if (meta.get("bulk.enabled") !== true) return undefined;
  const size = meta.getInteger("bulk.flush.size", 0);
  const timerMs = meta.getInteger("bulk.flush.timer", 0);
  return size > 0 && timerMs > 0 ? { size, timerMs } : undefined;
}

/**
 * @param defaults.concurrency Calls at once where the task does not say.
 * @param defaults.bulk In bulk mode one bulk is written while the next is filling, so that two have to be in flight at least.
 */
export function deliveryMeta(
  task: TaskPlan,
  defaults: { batch: boolean; concurrency: number; bulk?: BulkMeta },
): DeliveryMeta {
  const { meta } = task;
  const twoBulks = 2 * (defaults.bulk?.size ?? 0);
  return {
    ackWaitMs: task.ackWaitMs ?? DEFAULT_POLL_MS,
    maxAttempts: maxAttemptsOf(task, defaults.batch),
    retryDelayMs: meta.has("retry.delay.ms") ? meta.getInteger("retry.delay.ms") : undefined,
    maxInFlight: Math.max(meta.getInteger("max.in.flight", MAX_IN_FLIGHT), twoBulks),
    concurrency: twoBulks || meta.getInteger("concurrency", defaults.concurrency),
  };
}

/** With the default delays the last of these tries comes 27 minutes after the first: longer than most outages of what a function depends on. */
const STREAMING_ATTEMPTS = 20;
const BATCH_ATTEMPTS = 5;

/** How often a record is tried; `Infinity` for `unlimited`. */
export function maxAttemptsOf({ meta }: TaskPlan, batch: boolean): number {
  return attemptsIn(meta, batch ? BATCH_ATTEMPTS : STREAMING_ATTEMPTS);
}

/** How often a source that fails is asked again: in streaming mode for ever, since it has no record that could be given up instead. */
export function sourceAttemptsOf({ meta }: TaskPlan, batch: boolean): number {
  return attemptsIn(meta, batch ? BATCH_ATTEMPTS : Infinity);
}

function attemptsIn(meta: TaskPlan["meta"], fallback: number): number {
  const attempts = meta.get("max.attempts") ?? fallback;
  return attempts === "unlimited" ? Infinity : Number(attempts);
}
