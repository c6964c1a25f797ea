import type { Broker, TopicState } from "../../broker/broker.ts";
import { StartError } from "../../base/errors.ts";
import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import { type TopicWriters, topicWriters } from "../../pipeline/plan/topic_writers.ts";
import { Acknowledge } from "../worker/settle_delivery.ts";
import { errorTopic } from "../failures/error_topic.ts";
import { LimitedConsumer } from "./limited_consumer.ts";
import { openError } from "./open_error.ts";
import { TaskOutputs } from "../records/outputs.ts";
import type { TaskProgress } from "../progress/task_progress.ts";
import { maxAckPendingOf } from "./queues.ts";
import { deliveryMeta } from "../../pipeline/plan/delivery_meta.ts";
import type { Shared } from "./run_options.ts";
import type { TopicFunction } from "../../api/task_function.ts";
import { Schemas } from "../records/schemas.ts";
import { StallWatch } from "../progress/stall_watch.ts";
import { TaskWorker } from "../worker/worker_loop.ts";
import { TaskSpans } from "../records/task_spans.ts";
import { watchTopic } from "./watch_topic.ts";
import { TopicSchemas } from "../sources/topic_schemas.ts";
import { AttemptNotes } from "../worker/attempt_notes.ts";

/** For the confirmations of the last acks. */
const CLOSE_MS = 5000;

/**
 * Runs a source that reads a topic. Its messages go the way of any task's deliveries: each is acked, where it came from, once its record is stored on every
 * edge, and the id of that record is made from the message's stream, sequence and timestamp. True if the source came to its end; false if it was stopped.
 */
export async function runTopic(
  made: TopicFunction,
  context: { task: TaskPlan; shared: Shared; progress: TaskProgress },
): Promise<boolean> {
  const { task, shared, progress } = context;
  const { broker, plan, batch, names, stop } = shared;
  const log = shared.log.with({ task: task.id });
  const origin = made.broker ?? broker;
  const writers = topicWriters(task, plan);
  const { stream } = await findTopic(origin, { ...context, topic: made.topic, writers });
  const publisher = broker.publisher();
  try {
    const outputs = new TaskOutputs({
      flow: plan.flowId,
      task,
      names,
      publisher,
      maxPayload: broker.maxPayload,
      inputStream: stream,
      bytes: progress.bytes,
    });
    await outputs.open(shared.schemas, undefined);
    const delivery = deliveryMeta(task, { batch, concurrency: 1 });
    const reader = await origin.read({
      stream,
      subject: made.topic,
      group: task.groupId,
      ackWaitMs: delivery.ackWaitMs,
      maxAckPending: maxAckPendingOf(delivery),
    });
    const consumer = new LimitedConsumer(reader, {
      limit: task.meta.getInteger("limit", Infinity),
      reached: () => worker.stop(),
    });
    const attempts = origin.durable
      ? new AttemptNotes({ state: broker.state, names, task: task.id, log })
      : undefined;
    const worker: TaskWorker = new TaskWorker({
      task: task.id,
      consumer,
      attempts,
      log,
      schemas: new TopicSchemas({
        schema: outputs.schema(),
        written: new Schemas({
          ...{ codec: shared.codec, state: origin.state, flow: plan.flowId },
          lookUp: { stop, log },
        }),
        format: made.format,
      }),
      outputs,
      progress,
      acknowledge: new Acknowledge({
        task: task.id,
        consumer,
        deadLetters: shared.deadLetters,
        progress,
        log,
        maxAttempts: delivery.maxAttempts,
        attempts,
        retryDelayMs: delivery.retryDelayMs,
        maxDelayMs: delivery.ackWaitMs,
      }),
      step: (flight) => made.pass(flight.record!, stop),
      ackWaitMs: delivery.ackWaitMs,
      spans: TaskSpans.of(shared.spans, { flow: plan.flowId, task: task.id }),
      startsTraces: true,
      concurrency: delivery.concurrency,
      maxInFlight: delivery.maxInFlight,
      // A record that waits for its turn is being worked on.
      longRunning: true,
    });
    const stall = new StallWatch({
      ackWaitMs: delivery.ackWaitMs,
      worker,
      counts: progress.counts,
      timers: shared.timers,
    });
    const unwatch = shared.gauges.get(task.id)?.watch({ consumer, worker, stall });
    const onStop = () => worker.stop();
    stop.addEventListener("abort", onStop, { once: true });
    if (stop.aborted) worker.stop();
    const ended = new AbortController();
    const watching = batch
      ? watchTopic({
        task,
        consumer,
        worker,
        writers: writers.before,
        shared,
        signal: ended.signal,
      })
      : undefined;
    let isRead: boolean | undefined;
    try {
      await worker.run(() => Promise.resolve());
    } finally {
      ended.abort();
      stop.removeEventListener("abort", onStop);
      isRead = await watching;
      await attempts?.settled();
      if (isRead === true) await attempts?.sweep();
      await unwatch?.();
      await consumer.close(CLOSE_MS);
    }
    return !stop.aborted && (isRead === true || consumer.isReached);
  } finally {
    publisher.close();
  }
}

/** Finds the stream; makes that of the pipeline's own error records if it may. @throws {StartError} with the remedy. */
async function findTopic(
  broker: Broker,
  options: { topic: string; writers: TopicWriters; task: TaskPlan; shared: Shared },
): Promise<TopicState> {
  const { topic, writers, task, shared } = options;
  const isOwn = writers.before.length + writers.behind.length > 0;
  // A task that writes there may create it, and so may this source: the first to start does.
  const makers = [...writers.before, ...writers.behind];
  const create = isOwn &&
    [task, ...shared.plan.tasks.filter(({ id }) => makers.includes(id))]
      .some((each) => shared.settingsOf(each).createSideStream);
  try {
    return await broker.ensureTopic(errorTopic(topic, broker), { create });
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    const hint = isOwn && !create ? ", or set KFLOW_CREATE_SIDESTREAM=true" : "";
    throw openError(task, new StartError(error.message + hint, { cause: error }));
  }
}
