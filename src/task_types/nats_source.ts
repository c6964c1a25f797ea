import type { Broker } from "../broker/broker.ts";
import type { RecordValue } from "../codec/codec.ts";
import type { TaskPlan } from "../pipeline/plan/plan.ts";
import type { TopicFunction } from "../api/task_function.ts";
import { type Clock, Pacer, REAL_CLOCK } from "./pacer.ts";

/** `nats-source`: the records of one JetStream subject, at `meta.rate` a second. @param options.broker Where the subject is; absent: the pipeline's own. */
export function natsSource(
  task: TaskPlan,
  { broker, clock = REAL_CLOCK }: { broker?: Broker; clock?: Clock },
): TopicFunction {
  const pacer = task.meta.has("rate") ? new Pacer(task.meta.getNumber("rate"), clock) : undefined;
  return {
    kind: "topic",
    broker,
    topic: task.topics!,
    format: task.format === "json" ? "json" : "avro",
    pass(record, stop) {
      const waitMs = pacer?.take() ?? 0;
      return waitMs > 0 ? inTurn(record, waitMs, stop) : record;
    },
  };

  /** A worker that stops does not wait for the last record's turn. */
  async function inTurn(
    record: RecordValue,
    waitMs: number,
    stop: AbortSignal,
  ): Promise<RecordValue> {
    for (let left = waitMs; left > 0 && !stop.aborted; left = pacer!.take()) {
      await clock.sleep(left, stop);
    }
    return record;
  }
}
