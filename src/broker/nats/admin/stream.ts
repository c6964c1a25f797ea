import type { QueueSpec } from "../../broker.ts";
import {
  API,
  ApiError,
  callApi,
  isTaken,
  NANOS_PER_MS,
  type StreamConfig,
  type StreamInfo,
  streamInfo,
} from "./api.ts";
import type { NatsLink } from "../wire/link.ts";
import { moreReplicas, replicasFix } from "./replicas.ts";
import { StartError } from "../../../base/errors.ts";
import type { Logger } from "../../../base/log.ts";

/** Marks the streams we made, whose limits we may therefore change. */
const OURS = "kflow ";
/** What a message is taken to need where a stream can only be limited by their number. */
const MEAN_BYTES = 256;

/** What has to be done so that a queue has its stream. */
export interface StreamChange {
  readonly queue: QueueSpec;
  readonly wanted: StreamConfig & { num_replicas: number };
  /** The stream that is there and lacks something; absent: there is none. */
  readonly found?: StreamConfig;
  /** What it lacks. */
  readonly raised?: Raised;
}

export interface StreamOptions {
  /** @default 1 */
  readonly replicas?: number;
  readonly log: Logger;
}

/**
 * Makes the queue's stream or checks the one that is there. On a stream of ours `maxBytes`, the duplicate window and the replicas are raised
 * if more are asked for; they are never lowered, and a stream somebody else made is not touched.
 */
export async function ensureStream(
  link: NatsLink,
  queue: QueueSpec,
  options: StreamOptions,
): Promise<void> {
  const change = await planStream(link, queue, options);
  if (change !== undefined) await applyChange(link, change, options);
}

/** Finds out what a queue's stream lacks; undefined for nothing. @throws {StartError} if the stream that is there cannot be used. */
export async function planStream(
  link: NatsLink,
  queue: QueueSpec,
  { replicas = 1 }: StreamOptions,
): Promise<StreamChange | undefined> {
  const byNumber = dropsWhenFull(link.nc.info?.version ?? "");
  const wanted = { ...streamConfig(queue, byNumber), num_replicas: replicas };
  const info = await streamInfo(link, queue.stream);
  if (info === undefined) return { queue, wanted };
  const raised = raise(info, wanted);
  check({ ...info.config, ...raised }, queue, wanted);
  return raised && { queue, wanted, found: info.config, raised };
}

/** Does what was planned. Returns whether it made the stream. */
export async function applyChange(
  link: NatsLink,
  { queue, wanted, found, raised }: StreamChange,
  options: StreamOptions,
): Promise<boolean> {
  try {
    if (found === undefined) {
      await callApi(link, `STREAM.CREATE.${queue.stream}`, wanted);
      return true;
    }
    await callApi(link, `STREAM.UPDATE.${queue.stream}`, { ...found, ...raised });
  } catch (error) {
    // Another worker may have been faster, perhaps with other settings.
    const isThere = found === undefined && isTaken(error) &&
      await streamInfo(link, queue.stream) !== undefined;
    if (!isThere) throw translate(error, queue);
    await ensureStream(link, queue, options);
    return false;
  }
  options.log.info("raised limits of the stream", { stream: queue.stream, ...raised });
  return false;
}

/**
 * Until 2.10.5 a server counts a message without its overhead when it decides whether there is room, and then removes the oldest
 * message to make up for it, acked or not (nats-server issue 4771). There only the number of messages is a safe limit.
 */
function dropsWhenFull(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map((part) => parseInt(part));
  return major < 2 || (major === 2 && (minor < 10 || (minor === 10 && patch < 5)));
}

function streamConfig(queue: QueueSpec, byNumber: boolean): StreamConfig {
  return {
    name: queue.stream,
    description: `${OURS}queue`,
    subjects: [queue.subjects],
    retention: "limits",
    storage: "file",
    discard: "new",
    max_bytes: byNumber ? -1 : queue.maxBytes,
    max_msgs: byNumber ? Math.max(1, Math.floor(queue.maxBytes / MEAN_BYTES)) : -1,
    max_age: (queue.maxAgeMs ?? 0) * NANOS_PER_MS,
    duplicate_window: windowMs(queue) * NANOS_PER_MS,
    max_msg_size: -1,
    max_consumers: -1,
  };
}

/** A server refuses to remember ids for longer than messages stay. */
function windowMs(queue: QueueSpec): number {
  return Math.min(queue.duplicateWindowMs, queue.maxAgeMs ?? Infinity);
}

interface Raised {
  subjects?: readonly string[];
  max_bytes?: number;
  max_msgs?: number;
  duplicate_window?: number;
  num_replicas?: number;
}

function raise(
  info: StreamInfo,
  wanted: StreamConfig & { num_replicas: number },
): Raised | undefined {
  const { config: found, state } = info;
  if (!String(found.description ?? "").startsWith(OURS)) return undefined;
  const raised: Raised = { ...moreReplicas(found, wanted.num_replicas) };
  if (found.subjects?.[0] === parkedSubject(found.name)) raised.subjects = wanted.subjects;
  if (found.duplicate_window < wanted.duplicate_window) {
    raised.duplicate_window = wanted.duplicate_window;
  }
  // A limit below what the stream holds would remove messages, so neither is ever lowered.
  if (wanted.max_bytes > 0) {
    const counted = found.max_bytes <= 0;
    if (counted ? state.bytes < wanted.max_bytes / 2 : found.max_bytes < wanted.max_bytes) {
      raised.max_bytes = wanted.max_bytes;
      raised.max_msgs = -1;
    }
  } else if (found.max_bytes > 0) {
    raised.max_bytes = -1;
    raised.max_msgs = Math.max(wanted.max_msgs, 2 * state.messages);
  } else if (found.max_msgs > 0 && found.max_msgs < wanted.max_msgs) {
    raised.max_msgs = wanted.max_msgs;
  }
  return Object.keys(raised).length > 0 ? raised : undefined;
}

function check(found: StreamConfig, queue: QueueSpec, wanted: StreamConfig): void {
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
  if (found.max_bytes > 0 && wanted.max_bytes <= 0) {
    refuse(
      `this server removes the oldest messages when max_bytes is reached`,
      `install NATS 2.10.5 or newer, or limit it by number with "nats stream edit ${stream} --max-bytes=-1 --max-msgs=${wanted.max_msgs}"`,
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

/** Subject, which has no publishers, of a stream that is about to be removed. A process that ends in between leaves it so. */
export function parkedSubject(stream: string): string {
  return `${stream}.removed`;
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

const FIXES: Readonly<Record<number, (queue: QueueSpec) => string>> = {
  [API.subjectsOverlap]: ({ subjects }) =>
    `another stream takes "${subjects}"; remove it or choose another flow id`,
  [API.noStorage]: (queue) => roomFix(queue),
  [API.noAccountRoom]: (queue) => roomFix(queue),
  [API.streamTooLarge]: (queue) => roomFix(queue),
};

function roomFix({ maxBytes, sizedBy = "its size" }: QueueSpec): string {
  return `it reserves ${
    mebibytes(maxBytes)
  }: give the server or the account more room, or set ${sizedBy} lower`;
}

/** A size as messages have it. */
export function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

function translate(error: unknown, queue: QueueSpec): unknown {
  if (!(error instanceof ApiError)) return error;
  const fix = FIXES[error.code]?.(queue) ?? replicasFix(error) ??
    "check the account's and the server's limits";
  return new StartError(`Cannot make stream "${queue.stream}": ${error.message}; ${fix}`, {
    cause: error,
  });
}
