import type { HeaderBytes, NatsLink } from "./nats_link.ts";

/** JetStream counts time in nanoseconds. */
export const NANOS_PER_MS = 1_000_000;

/** Codes of the JetStream API that somebody decides by. */
export const API = {
  consumerNotFound: 10014,
  messageNotFound: 10037,
  notEnabledForAccount: 10039,
  noPeers: 10005,
  insufficientResources: 10023,
  replicasNotSupported: 10074,
  streamNameInUse: 10058,
  streamNotFound: 10059,
  subjectsOverlap: 10065,
  noStorage: 10047,
  wrongLastSequence: 10071,
  notEnabled: 10076,
  workQueueTaken: 10099,
  workQueueSubjectTaken: 10100,
} as const;

/** JetStream said no. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(readonly code: number, description: string) {
    super(description);
  }
}

export interface StreamConfig {
  readonly name: string;
  readonly subjects?: readonly string[];
  readonly description?: string;
  readonly retention: string;
  readonly storage: string;
  readonly discard: string;
  readonly max_bytes: number;
  readonly max_msgs: number;
  readonly max_age: number;
  readonly duplicate_window: number;
  readonly [other: string]: unknown;
}

export interface StreamState {
  readonly messages: number;
  readonly bytes: number;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly first_ts: string;
  readonly last_ts: string;
  readonly subjects?: Readonly<Record<string, number>>;
}

export interface StreamInfo {
  readonly config: StreamConfig;
  readonly state: StreamState;
  /** The server's time; since 2.10. */
  readonly ts?: string;
  /** Subjects in all, of which `state.subjects` is one page. */
  readonly total?: number;
}

export interface ConsumerConfig {
  readonly durable_name?: string;
  readonly ack_policy: string;
  readonly ack_wait?: number;
  readonly max_ack_pending?: number;
  readonly max_deliver?: number;
  readonly deliver_subject?: string;
  readonly filter_subject?: string;
  readonly [other: string]: unknown;
}

export interface ConsumerInfo {
  readonly name: string;
  readonly config: ConsumerConfig;
  readonly ack_floor: { readonly consumer_seq: number; readonly stream_seq: number };
  readonly num_ack_pending: number;
  readonly num_pending: number;
  /** The server's time; since 2.10. */
  readonly ts?: string;
}

export interface StoredMessage {
  readonly seq: number;
  /** RFC 3339. */
  readonly time: string;
  /** Base 64; absent when empty. */
  readonly data?: string;
  /** Base 64. */
  readonly hdrs?: string;
}

/** Calls `$JS.API.<name>` and returns the answer; throws `ApiError` for a refusal, `BrokerError` for none. */
export async function callApi<T>(link: NatsLink, name: string, body?: unknown): Promise<T> {
  const payload = body === undefined ? "" : JSON.stringify(body);
  return parseAnswer<T>(link, await link.call(`$JS.API.${name}`, payload));
}

/** Publishes one message to a stream and waits for its sequence. For the few that are not on the hot path. */
export async function publishOnce(
  link: NatsLink,
  subject: string,
  options: { body: Uint8Array; headers: HeaderBytes },
): Promise<{ seq: number; duplicate?: boolean }> {
  return parseAnswer(link, await link.call(subject, options.body, options.headers));
}

/** The answer, or undefined if it is one of these refusals. */
export async function unless<T>(
  codes: readonly number[],
  answer: Promise<T>,
): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && codes.includes(error.code)) return undefined;
    throw error;
  }
}

/** Whether a stream cannot be made because there may be one. A server of 2.9 to which two come at once finds the other's subjects before its name. */
export function isTaken(error: unknown): error is ApiError {
  return error instanceof ApiError &&
    (error.code === API.streamNameInUse || error.code === API.subjectsOverlap);
}

export function streamInfo(link: NatsLink, stream: string): Promise<StreamInfo | undefined> {
  return unless([API.streamNotFound], callApi<StreamInfo>(link, `STREAM.INFO.${stream}`));
}

function parseAnswer<T>(link: NatsLink, data: Uint8Array): T {
  const answer = JSON.parse(new TextDecoder().decode(data));
  const error = answer.error;
  if (error) {
    const description = link.said(String(error.description ?? "no description"));
    throw new ApiError(error.err_code ?? error.code, description);
  }
  return answer;
}
