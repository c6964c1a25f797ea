import { AttemptTimeout } from "../../base/data/request_attempt.ts";
import { tlsProblem } from "../../base/tls_problem.ts";
import { reasonOf } from "../../base/errors.ts";
import { retryAfter } from "../../base/time/retry_after.ts";
import type { SecretMask } from "../../base/secret_mask.ts";
import { describeAnswer } from "./answer.ts";

/** A whole request failed, through no fault of a document. The message begins with the address and says what to do. */
export class ElasticFailure extends Error {
  override readonly name = "ElasticFailure";
  /** Whether the same may succeed without anybody changing anything. */
  readonly transient: boolean;
  /** The server asked for this much patience. */
  readonly retryAfterMs?: number;

  constructor(
    message: string,
    options: { transient: boolean; retryAfterMs?: number; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.transient = options.transient;
    this.retryAfterMs = options.retryAfterMs;
  }
}

export interface ElasticAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

interface Asked {
  readonly address: string;
  readonly index: string;
  readonly user?: string;
}

/** What a connection that broke, or an answer that did not come in time, means. */
export function unreachable(cause: unknown, address: string): ElasticFailure {
  const certificate = tlsProblem(cause);
  const reason = certificate !== undefined
    ? certificate
    : cause instanceof AttemptTimeout
    ? `${cause.message}; check the address and that the server is well`
    : `it cannot be reached: ${
      oneLine(innermost(cause))
    }; check the address and that the server runs`;
  // A start ends with it, for somebody has to correct it; the writer holds its documents all the same.
  const transient = certificate === undefined;
  return new ElasticFailure(`${address}: ${reason}`, { transient, cause });
}

/** What an answer means that is none to the question. */
export function failureOf(
  answer: ElasticAnswer,
  asked: Asked,
  mask: SecretMask,
): ElasticFailure {
  const { status, headers, text } = answer;
  const transient = status === 408 || status === 429 || status >= 500;
  return new ElasticFailure(
    `${asked.address}: ${
      reasonFor({ status, headers, said: describeAnswer({ status, text }, mask) }, asked, mask)
    }`,
    { transient, retryAfterMs: retryAfter(headers, Date.now()) },
  );
}

function reasonFor(
  { status, headers, said }: { status: number; headers: Headers; said: string },
  { address, index, user }: Asked,
  mask: SecretMask,
): string {
  const who = user === undefined ? "without a user" : `to user ${JSON.stringify(user)}`;
  if (status === 401) {
    const remedy = user === undefined ? "give user and password" : "check user and password";
    return `access is denied ${who}: ${said}; ${remedy}`;
  }
  if (status === 403) {
    const place = `index ${JSON.stringify(index)}`;
    return `access to ${place} is denied ${who}: ${said}; check user, password and the right to write there`;
  }
  if (status >= 300 && status < 400) {
    return `it redirects ${
      mask.apply(targetOf(headers, address))
    } (${status}), which is not followed; give the address of the server itself`;
  }
  if (status === 408 || status === 429 || status >= 500) return `it answered ${said}`;
  return `its answer, ${said}, does not fit what it was asked; is this the address of Elasticsearch or OpenSearch?`;
}

function targetOf(headers: Headers, address: string): string {
  try {
    return `to ${new URL(headers.get("location") ?? "", address).origin}`;
  } catch {
    return "elsewhere";
  }
}

/** "fetch failed" says nothing; what it was caused by does. */
function innermost(error: unknown): string {
  let found = error;
  while (found instanceof Error && found.cause instanceof Error) found = found.cause;
  return reasonOf(found);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").slice(0, 300);
}
