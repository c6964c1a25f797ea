import type { GroupSpec, QueueSpec } from "../../broker/broker.ts";
import type { FlowNames } from "../../broker/subjects.ts";
import type { DeliveryMeta } from "../../pipeline/plan/delivery_meta.ts";
import type { TaskPlan } from "../../pipeline/plan/plan.ts";

const LEAST_WINDOW_MS = 600_000;
const LEAST_ACK_PENDING = 65_536;

/**
 * The input queue of a task. Its producers make the same from the same plan, so that whoever comes first creates the stream.
 * @param maxBytes Where the task's `meta.stream.max.bytes` does not say.
 */
export function queueOf(task: TaskPlan, names: FlowNames, maxBytes: number): QueueSpec {
  return {
    stream: names.stream(task.id),
    subjects: names.subjects(task.id),
    maxBytes: task.meta.getInteger("stream.max.bytes", maxBytes),
    sizedBy: `stream.max.bytes of task "${task.id}"${
      task.meta.has("stream.max.bytes") ? "" : " or KFLOW_STREAM_BYTES"
    }`,
    duplicateWindowMs: task.meta.getInteger(
      "duplicate.window.ms",
      windowOf([task, ...task.inputs]),
    ),
  };
}

/** Where the flow's dead letters go. */
export function deadQueueOf(
  tasks: readonly TaskPlan[],
  names: FlowNames,
  maxBytes: number,
): QueueSpec {
  return {
    stream: names.deadStream,
    subjects: names.deadSubjects,
    maxBytes,
    sizedBy: "KFLOW_DEAD_LETTER_BYTES",
    duplicateWindowMs: windowOf(tasks),
  };
}

/** A message may be sent again by a task that did not acknowledge what it came of, and that has five ack waits to do so. */
function windowOf(senders: readonly { readonly ackWaitMs?: number }[]): number {
  const longest = Math.max(...senders.map(({ ackWaitMs }) => ackWaitMs ?? 0));
  return Math.max(LEAST_WINDOW_MS, 5 * longest);
}

/** Failed records count too while they wait for their next try: few slots must not mean that a few of them stop the task. */
export function maxAckPendingOf({ maxInFlight }: Pick<DeliveryMeta, "maxInFlight">): number {
  return Math.max(LEAST_ACK_PENDING, maxInFlight * 64);
}

export function groupOf(task: TaskPlan, queue: QueueSpec, delivery: DeliveryMeta): GroupSpec {
  return {
    queue,
    group: task.groupId,
    ackWaitMs: delivery.ackWaitMs,
    maxAckPending: maxAckPendingOf(delivery),
  };
}
