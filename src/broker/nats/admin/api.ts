import { growingDelay, pause } from "../../../base/time/waiting.ts";
import { BrokerError } from "../../broker.ts";
import type { HeaderBytes, NatsLink } from "../wire/link.ts";

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
  noAccountRoom: 10002,
  streamTooLarge: 10122,
  wrongLastSequence: 10071,
  notEnabled: 10076,
  workQueueTaken: 10099,
  workQueueSubjectTaken: 10100,
} as const;

/** A cluster says so while it chooses who leads, and while most of its servers are away. */
const PASSING: ReadonlySet<number> = new Set([10004, 10008, 10009]);
const AGAIN = { first: 50, longest: 500 };

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
  readonly consumer_count: number;
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
  readonly num_waiting: number;
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

export interface CallOptions {
  /** The stream is known to be there: one that does not find it has not heard of it yet. @default false */
  readonly isThere?: boolean;
  /** An answer that leaves out what is on servers that are away is none. @default false */
  readonly isWhole?: boolean;
}

/**
 * Calls `$JS.API.<name>` and returns the answer. What a cluster refuses for the moment is asked for again, up to the time of a call.
 * Throws `ApiError` for a refusal, `BrokerError` for no answer.
 */
export async function callApi<T>(
  link: NatsLink,
  name: string,
  body?: unknown,
  options: CallOptions = {},
): Promise<T> {
  const payload = body === undefined ? "" : JSON.stringify(body);
  const end = performance.now() + link.patienceMs;
  for (let failures = 0;; failures++) {
    const answer = answerIn(await link.call(`$JS.API.${name}`, payload));
    const problem = passingIn(answer, options);
    if (problem === undefined) return accepted<T>(link, answer);
    if (performance.now() >= end) {
      throw new BrokerError(
        `Cannot ask NATS at "${link.address}" for "${name}": ${link.said(problem)}; try again`,
        { isAway: true },
      );
    }
    await pause(growingDelay(failures, AGAIN));
  }
}

interface ApiAnswer {
  readonly error?: {
    readonly code: number;
    readonly err_code?: number;
    readonly description?: string;
  };
  /** What a list leaves out, since nobody has answered for it. */
  readonly missing?: readonly string[];
}

/** Why it is not the last word; undefined if it is. */
function passingIn(
  { error, missing = [] }: ApiAnswer,
  { isThere = false, isWhole = false }: CallOptions,
): string | undefined {
  const code = error?.err_code ?? 0;
  if (PASSING.has(code) || (isThere && code === API.streamNotFound)) {
    return error?.description ?? "not now";
  }
  return isWhole && missing.length > 0 ? `nobody answers for ${missing.join(", ")}` : undefined;
}

/** Publishes one message to a stream and waits for its sequence. For the few that are not on the hot path. */
export async function publishOnce(
  link: NatsLink,
  subject: string,
  options: { body: Uint8Array; headers: HeaderBytes },
): Promise<{ seq: number; duplicate?: boolean }> {
  return accepted(link, answerIn(await link.call(subject, options.body, options.headers)));
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

function answerIn(bytes: Uint8Array): ApiAnswer {
  return JSON.parse(new TextDecoder().decode(bytes));
}

function accepted<T>(link: NatsLink, answer: ApiAnswer): T {
  const { error } = answer;
  if (error) {
    const description = link.said(String(error.description ?? "no description"));
    throw new ApiError(error.err_code ?? error.code, description);
  }
  return answer as T;
}
