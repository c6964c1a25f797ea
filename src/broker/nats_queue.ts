import type { GroupSpec, QueueSpec, QueueState } from "./broker.ts";
import {
  API,
  ApiError,
  callApi,
  type ConsumerConfig,
  type ConsumerInfo,
  type StreamConfig,
  type StreamInfo,
  unless,
} from "./nats_api.ts";
import type { NatsLink } from "./nats_link.ts";
import { StartError } from "../errors.ts";
import type { Logger } from "../log.ts";

const NANOS_PER_MS = 1_000_000;
/** Marks the streams we made, whose limits we may therefore raise. */
const OURS = "kflow ";

/**
 * Makes the queue's stream or checks the one that is there. On a stream of ours `maxBytes` and the duplicate window are raised if the
 * queue asks for more; they are never lowered, and a stream somebody else made is not touched.
 */
export async function ensureStream(link: NatsLink, queue: QueueSpec, log: Logger): Promise<void> {
  const wanted = streamConfig(queue);
  let info = await streamInfo(link, queue.stream);
  if (info === undefined) {
    try {
      await callApi(link, `STREAM.CREATE.${queue.stream}`, wanted);
      return;
    } catch (error) {
      // Another worker was faster with other settings.
      info = isApi(error, API.streamNameInUse) ? await streamInfo(link, queue.stream) : undefined;
      if (info === undefined) throw translate(error, queue);
    }
  }
  const found = info.config;
  const raised = raise(found, wanted);
  check({ ...found, ...raised }, queue);
  if (raised === undefined) return;
  try {
    await callApi(link, `STREAM.UPDATE.${queue.stream}`, { ...found, ...raised });
    log.info("raised limits of the stream", { stream: queue.stream, ...raised });
  } catch (error) {
    throw translate(error, queue);
  }
}

/** Makes the group's durable consumer, or brings the one that is there to our settings. */
export async function ensureConsumer(link: NatsLink, spec: GroupSpec, log: Logger): Promise<void> {
  const { stream } = spec.queue;
  const info = await unless(
    [API.consumerNotFound],
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
  if (found.filter_subject && found.filter_subject !== spec.queue.subjects) {
    refuse(`takes only "${found.filter_subject}"`);
  }
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
  log.info("changed settings of the consumer", { stream, group: spec.group, ...change });
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
  };
}

export function streamInfo(link: NatsLink, stream: string): Promise<StreamInfo | undefined> {
  return unless([API.streamNotFound], callApi<StreamInfo>(link, `STREAM.INFO.${stream}`));
}

async function putConsumer(link: NatsLink, spec: GroupSpec, config: ConsumerConfig): Promise<void> {
  const { stream } = spec.queue;
  try {
    await callApi(link, `CONSUMER.DURABLE.CREATE.${stream}.${spec.group}`, {
      stream_name: stream,
      config,
    });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new StartError(
      `Cannot join group "${spec.group}" on stream "${stream}": ${error.message}; check the group's settings and the account's limits`,
      { cause: error },
    );
  }
}

function streamConfig(queue: QueueSpec): StreamConfig {
  return {
    name: queue.stream,
    description: `${OURS}queue`,
    subjects: [queue.subjects],
    retention: "limits",
    storage: "file",
    discard: "new",
    max_bytes: queue.maxBytes,
    max_age: (queue.maxAgeMs ?? 0) * NANOS_PER_MS,
    duplicate_window: windowMs(queue) * NANOS_PER_MS,
    max_msgs: -1,
    max_msg_size: -1,
    max_consumers: -1,
    num_replicas: 1,
  };
}

/** A server refuses to remember ids for longer than messages stay. */
function windowMs(queue: QueueSpec): number {
  return Math.min(queue.duplicateWindowMs, queue.maxAgeMs ?? Infinity);
}

function raise(found: StreamConfig, wanted: StreamConfig): Partial<StreamConfig> | undefined {
  if (!String(found.description ?? "").startsWith(OURS)) return undefined;
  const raised: { max_bytes?: number; duplicate_window?: number } = {};
  if (found.max_bytes > 0 && found.max_bytes < wanted.max_bytes) {
    raised.max_bytes = wanted.max_bytes;
  }
  if (found.duplicate_window < wanted.duplicate_window) {
    raised.duplicate_window = wanted.duplicate_window;
  }
  return Object.keys(raised).length > 0 ? raised : undefined;
}

function check(found: StreamConfig, queue: QueueSpec): void {
  const { stream } = queue;
  const refuse = (what: string, fix: string) => {
    throw new StartError(`Cannot use stream "${stream}": ${what}; ${fix}`);
  };
  const anew =
    `remove the stream with "nats stream rm ${stream}" when it is worked off, or choose another flow id`;
  if (found.retention !== "limits") {
    refuse(`its retention is "${found.retention}" and must be "limits"`, anew);
  }
  if (found.storage !== "file") {
    refuse(`its storage is "${found.storage}" and must be "file"`, anew);
  }
  if (found.discard !== "new") {
    refuse(
      `its discard policy is "${found.discard}" and must be "new"`,
      `change it with "nats stream edit ${stream} --discard new"`,
    );
  }
  const window = found.duplicate_window / NANOS_PER_MS;
  if (window < windowMs(queue)) {
    const seconds = Math.ceil(windowMs(queue) / 1000);
    refuse(
      `its duplicate window is ${window / 1000} s and must be at least ${windowMs(queue) / 1000} s`,
      `change it with "nats stream edit ${stream} --dupe-window ${seconds}s"`,
    );
  }
  if (!(found.subjects ?? []).some((subject) => covers(subject, queue.subjects))) {
    refuse(
      `it takes ${JSON.stringify(found.subjects ?? [])} and must take "${queue.subjects}"`,
      `change it with "nats stream edit ${stream} --subjects '${queue.subjects}'"`,
    );
  }
}

/** Whether everything that matches `inner` matches `outer` too. */
export function covers(outer: string, inner: string): boolean {
  const out = outer.split(".");
  const inn = inner.split(".");
  for (let i = 0; i < out.length; i++) {
    if (out[i] === ">") return inn.length > i;
    if (i >= inn.length || inn[i] === ">") return false;
    if (out[i] !== "*" && out[i] !== inn[i]) return false;
  }
  return out.length === inn.length;
}

function isApi(error: unknown, code: number): boolean {
  return error instanceof ApiError && error.code === code;
}

function translate(error: unknown, queue: QueueSpec): unknown {
  if (!(error instanceof ApiError)) return error;
  const fix = error.code === API.subjectsOverlap
    ? `another stream takes "${queue.subjects}"; remove it or choose another flow id`
    : "check the account's and the server's limits";
  return new StartError(`Cannot make stream "${queue.stream}": ${error.message}; ${fix}`, {
    cause: error,
  });
}
