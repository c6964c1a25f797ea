import { streamOfTopic, type TopicSpec, type TopicState } from "../../broker.ts";
import { API, ApiError, callApi, NANOS_PER_MS, type StreamConfig, type StreamInfo } from "./api.ts";
import type { NatsLink } from "../wire/link.ts";
import { raiseReplicas, replicasFix } from "./replicas.ts";
import { StartError } from "../../../base/errors.ts";
import type { Logger } from "../../../base/log.ts";

/** Marks the streams that we made. */
const OURS = "kflow error records";

export interface TopicOptions {
  readonly create: boolean;
  /** @default 1 */
  readonly replicas?: number;
  readonly log: Logger;
}

/** Finds the stream that takes a topic, or makes it. Streams of others are taken as they are. @throws {StartError} with the remedy. */
export async function ensureTopic(
  link: NatsLink,
  topic: TopicSpec,
  options: TopicOptions,
): Promise<TopicState> {
  const found = await find(link, topic.subject);
  if (found !== undefined) {
    // Of a stream that somebody else has made nothing is changed.
    if (found.description === OURS) {
      await raiseReplicas(link, found, options.replicas ?? 1).catch((error) => {
        throw translate(error, { verb: "change", topic });
      });
    }
    return stateOf(link, found);
  }
  const stream = streamOfTopic(topic.subject);
  if (!options.create) {
    throw new StartError(
      `No stream takes "${topic.subject}"; create one with "nats stream add ${stream} --subjects '${topic.subject}' --defaults"`,
    );
  }
  try {
    await callApi(link, `STREAM.CREATE.${stream}`, {
      name: stream,
      description: OURS,
      subjects: [stream, `${stream}.>`],
      retention: "limits",
      storage: "file",
      // Readers that are slow or absent must not stop the pipeline.
      discard: "old",
      max_bytes: topic.maxBytes,
      max_msgs: -1,
      max_age: 0,
      duplicate_window: topic.duplicateWindowMs * NANOS_PER_MS,
      max_msg_size: -1,
      max_consumers: -1,
      num_replicas: options.replicas ?? 1,
    });
    options.log.info("made the stream for error records", { stream });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // Another worker may have been faster.
    const now = await find(link, topic.subject);
    if (now !== undefined) return stateOf(link, now);
    throw translate(error, { verb: "make", topic });
  }
  return { stream, maxPayload: link.maxPayload };
}

async function find(link: NatsLink, subject: string): Promise<StreamConfig | undefined> {
  const { streams } = await callApi<{ streams?: StreamInfo[] | null }>(
    link,
    "STREAM.LIST",
    { subject },
    { isWhole: true },
  );
  return streams?.[0]?.config;
}

function stateOf(link: NatsLink, config: StreamConfig): TopicState {
  const most = Number(config.max_msg_size ?? -1);
  return {
    stream: config.name,
    maxPayload: most > 0 ? Math.min(most, link.maxPayload) : link.maxPayload,
  };
}

function translate(
  error: unknown,
  { verb, topic }: { verb: "make" | "change"; topic: TopicSpec },
): unknown {
  if (!(error instanceof ApiError)) return error;
  const stream = streamOfTopic(topic.subject);
  return new StartError(
    `Cannot ${verb} stream "${stream}": ${error.message}; ${fixOf(error, topic)}`,
    { cause: error },
  );
}

function fixOf(error: ApiError, { subject }: TopicSpec): string {
  const stream = streamOfTopic(subject);
  if (error.code === API.streamNameInUse) {
    return `it is there and does not take "${subject}"; change it with "nats stream edit ${stream} --subjects '${stream}.>'"`;
  }
  if (error.code === API.subjectsOverlap) {
    return `another stream takes part of "${stream}.>"; choose another errorTopics`;
  }
  return replicasFix(error) ?? "check the account's and the server's limits";
}
