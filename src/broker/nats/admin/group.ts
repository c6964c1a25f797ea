import type { QueueState } from "../../broker.ts";
import {
  API,
  ApiError,
  callApi,
  type ConsumerConfig,
  type ConsumerInfo,
  NANOS_PER_MS,
  type StoredMessage,
  type StreamInfo,
  streamInfo,
  unless,
} from "./api.ts";
import type { NatsLink } from "../wire/link.ts";
import { StartError } from "../../../base/errors.ts";
import type { Logger } from "../../../base/log.ts";

export interface DurableSpec {
  readonly stream: string;
  readonly group: string;
  /** What the consumer is to be given. */
  readonly subjects: string;
  /** Whether the stream is somebody else's: it may have other subjects, or not be there. @default false */
  readonly filtered?: boolean;
  readonly ackWaitMs: number;
  readonly maxAckPending: number;
}

/** Makes the group's durable consumer, or brings the one that is there to our settings. */
export async function ensureConsumer(
  link: NatsLink,
  spec: DurableSpec,
  log: Logger,
): Promise<void> {
  const { stream, filtered = false } = spec;
  const info = await unless(
    [API.consumerNotFound, API.streamNotFound],
    callApi<ConsumerInfo>(link, `CONSUMER.INFO.${stream}.${spec.group}`),
  );
  const wanted: ConsumerConfig = {
    durable_name: spec.group,
    deliver_policy: "all",
    replay_policy: "instant",
    ack_policy: "explicit",
    ack_wait: spec.ackWaitMs * NANOS_PER_MS,
    max_deliver: -1,
    max_ack_pending: spec.maxAckPending,
    ...(filtered && { filter_subject: spec.subjects }),
  };
  if (info === undefined) return await putConsumer(link, spec, wanted);

  const found = info.config;
  const refuse = (what: string) => {
    throw new StartError(
      `Cannot join group "${spec.group}" on stream "${stream}": its consumer ${what}; remove it with "nats consumer rm ${stream} ${spec.group}" or choose another groupId`,
    );
  };
  if (found.deliver_subject) refuse(`pushes to "${found.deliver_subject}"`);
  if (found.ack_policy !== "explicit") {
    refuse(`has ack policy "${found.ack_policy}", not "explicit"`);
  }
  if (found.filter_subject && found.filter_subject !== spec.subjects) {
    refuse(`takes only "${found.filter_subject}"`);
  }
  if (filtered && !found.filter_subject) refuse("takes every subject of the stream");
  const change: Record<string, unknown> = {};
  if (found.ack_wait !== wanted.ack_wait) change.ack_wait = wanted.ack_wait;
  if ((found.max_deliver ?? -1) > 0) change.max_deliver = -1;
  // Workers may bring different ideas; the largest stays, or the group would be held back by its smallest member.
  if ((found.max_ack_pending ?? 0) > 0 && found.max_ack_pending! < spec.maxAckPending) {
    change.max_ack_pending = spec.maxAckPending;
  }
  if (Array.isArray(found.backoff) && found.backoff.length > 0) change.backoff = undefined;
  if (Object.keys(change).length === 0) return;
  await putConsumer(link, spec, { ...found, ...change });
  const { ack_wait, ...others } = change;
  if (ack_wait !== undefined) {
    log.info("Ack wait of the group is changed, as max.poll.interval.ms says now", {
      stream,
      group: spec.group,
      fromMs: found.ack_wait === undefined ? undefined : found.ack_wait / NANOS_PER_MS,
      toMs: spec.ackWaitMs,
    });
  }
  if (Object.keys(others).length === 0) return;
  log.info("changed settings of the consumer", { stream, group: spec.group, ...others });
}

/** How a queue stands for a group; undefined while one of the two does not exist. */
export async function queueState(
  link: NatsLink,
  stream: string,
  group: string,
): Promise<QueueState | undefined> {
  const info = await streamInfo(link, stream);
  const consumer = info && await unless(
    [API.consumerNotFound, API.streamNotFound],
    callApi<ConsumerInfo>(link, `CONSUMER.INFO.${stream}.${group}`),
  );
  if (info === undefined || consumer === undefined) return undefined;
  return {
    lastSequence: info.state.last_seq,
    ackFloor: consumer.ack_floor.stream_seq,
    messages: info.state.messages,
    bytes: info.state.bytes,
    pending: consumer.num_pending,
    ackPending: consumer.num_ack_pending,
    readers: consumer.num_waiting,
  };
}

/** Since the oldest message that the group has not acked was stored, by the server's clock where it tells; 0 if there is none. */
export async function oldestAgeMs(link: NatsLink, stream: string, group: string): Promise<number> {
  const consumer = await callApi<ConsumerInfo>(link, `CONSUMER.INFO.${stream}.${group}`);
  if (consumer.num_pending === 0 && consumer.num_ack_pending === 0) return 0;
  const answer = await unless(
    [API.messageNotFound],
    callApi<{ message: StoredMessage }>(link, `STREAM.MSG.GET.${stream}`, {
      seq: consumer.ack_floor.stream_seq + 1,
      next_by_subj: consumer.config.filter_subject ?? ">",
    }),
  );
  if (answer === undefined) return 0;
  const now = consumer.ts === undefined ? Date.now() : Date.parse(consumer.ts);
  return Math.max(0, now - Date.parse(answer.message.time));
}

/** A work queue has no second consumer for the same subject. */
const TAKEN: readonly number[] = [API.workQueueTaken, API.workQueueSubjectTaken];

async function putConsumer(
  link: NatsLink,
  spec: DurableSpec,
  config: ConsumerConfig,
): Promise<void> {
  const { stream } = spec;
  try {
    const request = { stream_name: stream, config };
    await callApi(link, `CONSUMER.DURABLE.CREATE.${stream}.${spec.group}`, request, {
      isThere: spec.filtered !== true,
    });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new StartError(
      `Cannot join group "${spec.group}" on stream "${stream}": ${error.message}; ${
        error.code === API.streamNotFound
          ? `create the stream with "nats stream add ${stream} --subjects '${spec.subjects}' --defaults"`
          : TAKEN.includes(error.code)
          ? "the stream is a work queue, which gives each message to one group only: use that group's groupId, or another stream"
          : "check the group's settings and the account's limits"
      }`,
      { cause: error },
    );
  }
}

/** Streams that take any of these subjects, page by page. */
export async function queuesUnder(
  link: NatsLink,
  subject: string,
): Promise<{ stream: string; subjects: readonly string[]; messages: number }[]> {
  const found: { stream: string; subjects: readonly string[]; messages: number }[] = [];
  for (;;) {
    const offset = found.length;
    const page = await callApi<StreamPage>(link, "STREAM.LIST", { subject, offset });
    for (const { config, state } of page.streams ?? []) {
      found.push({
        stream: config.name,
        subjects: config.subjects ?? [],
        messages: state.messages,
      });
    }
    if (found.length === offset || found.length >= page.total) return found;
  }
}

interface StreamPage {
  readonly total: number;
  readonly streams?: readonly StreamInfo[] | null;
}
