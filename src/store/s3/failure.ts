import { AttemptTimeout } from "../../base/data/request_attempt.ts";
import { tlsProblem } from "../../base/tls_problem.ts";
import { reasonOf } from "../../base/errors.ts";
import { retryAfter } from "../../base/time/retry_after.ts";
import type { SecretMask } from "../../base/secret_mask.ts";
import { parseErrorBody } from "./xml.ts";
import type { StoreError, StoreErrorKind } from "../store.ts";
import { REASONS, type StoreCall, storeError } from "../store_failure.ts";

/** Why one attempt failed, and whether another may do better. */
export class S3Failure extends Error {
  override readonly name = "S3Failure";
  readonly kind: StoreErrorKind;
  readonly retry: boolean;
  /** The server asked for this much patience. */
  readonly retryAfterMs?: number;
  /** S3's own name for the error. */
  readonly code?: string;

  constructor(
    message: string,
    options: {
      kind: StoreErrorKind;
      retry?: boolean;
      retryAfterMs?: number;
      code?: string;
      cause?: unknown;
    },
  ) {
    super(message, { cause: options.cause });
    this.kind = options.kind;
    this.retry = options.retry ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.code = options.code;
  }

  toStoreError(call: StoreCall, tries: number): StoreError {
    const after = tries > 1 ? `, after ${tries} tries` : "";
    return storeError(call, {
      kind: this.kind,
      reason: this.message + after,
      cause: this.cause ?? this,
    });
  }
}

const MAX_CODE = 100;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** As much of it as is worth reading. */
  readonly body: string;
}

export interface AnswerContext {
  readonly address: string;
  readonly user?: string;
  /** Of what the request said of who sends it. */
  readonly mask: SecretMask;
  /** Of this machine, ms. */
  readonly now: number;
}

/** 499 is what MinIO says when it is being stopped. */
const RETRIED_STATUS = new Set([408, 429, 499, 500, 502, 503, 504]);
const RETRIED_CODES = new Set([
  "InternalError",
  "SlowDown",
  "SlowDownRead",
  "SlowDownWrite",
  "ServiceUnavailable",
  "RequestTimeout",
  "OperationAborted",
  "OperationTimedOut",
  "ConditionalRequestConflict",
  "BadDigest",
  "IncompleteBody",
  "XAmzContentSHA256Mismatch",
]);
const BAD_NAME_CODES = new Set([
  "InvalidBucketName",
  "KeyTooLongError",
  "InvalidURI",
  "XMinioInvalidObjectName",
  "XMinioParentIsObject",
  "XMinioObjectExistsAsDirectory",
]);
const UNAUTHENTICATED_CODES = new Set([
  "AuthorizationHeaderMalformed",
  "AuthorizationQueryParametersError",
  "ExpiredToken",
  "InvalidAccessKeyId",
  "InvalidToken",
  "MissingSecurityHeader",
  "SignatureDoesNotMatch",
]);

const NO_ROOM_CODES = new Set([
  "QuotaExceeded",
  "XMinioAdminBucketQuotaExceeded",
  "XMinioStorageFull",
]);

/** With a code of S3 these say that the request will never do. */
const REFUSED_STATUS = new Set([400, 405, 411, 413, 414, 501]);
/** Of an upload in parts, which is begun anew. */
const LOST_PARTS_CODE = "InvalidPart";

/** What an answer that is no success means. */
export function failureOfAnswer(answer: Answer, context: AnswerContext): S3Failure {
  const { status, headers } = answer;
  const found = parseErrorBody(answer.body);
  // MinIO names the error in a header where there is no body.
  const named = found?.code || headers.get("x-minio-error-code") || "";
  const code = named || undefined;
  const said = describing(status, { code, message: found?.message }, context.mask);
  const failure = (kind: StoreErrorKind, message: string) => new S3Failure(message, { kind, code });

  if (status >= 300 && status < 400 && status !== 304) return redirected(answer, context);
  if (code === "RequestTimeTooSkewed") return skewed(headers, context);
  if (RETRIED_STATUS.has(status) || (code !== undefined && RETRIED_CODES.has(code))) {
    return new S3Failure(said, {
      kind: "unavailable",
      retry: true,
      retryAfterMs: retryAfter(headers, context.now),
      code,
    });
  }
  if (status === 507 || (code !== undefined && NO_ROOM_CODES.has(code))) {
    return failure("no-room", said);
  }
  if (status === 401 || (code !== undefined && UNAUTHENTICATED_CODES.has(code))) {
    return denied(answer, { kind: "unauthenticated", code, message: found?.message }, context);
  }
  if (status === 403) {
    return denied(answer, { kind: "denied", code, message: found?.message }, context);
  }
  if (code === "NoSuchBucket") return failure("missing-bucket", REASONS.missingBucket);
  if (code === "NoSuchKey") return failure("missing-key", REASONS.missingKey);
  if (status === 412) return failure("precondition", REASONS.changed);
  if (code !== undefined && BAD_NAME_CODES.has(code)) {
    return failure("bad-name", said);
  }
  if (code !== undefined && code !== LOST_PARTS_CODE && REFUSED_STATUS.has(status)) {
    return failure("refused", said);
  }
  if (status === 404 && answer.body === "") return failure("missing-key", REASONS.missingKey);
  const hint = code ? "" : "; is this the address of an S3 server?";
  return failure("unavailable", said + hint);
}

/** What an error of the connection means. */
export function failureOfConnection(cause: unknown): S3Failure {
  if (cause instanceof AttemptTimeout) {
    const message = `${cause.message}; check the address and that the server is well`;
    return new S3Failure(message, { kind: "unavailable", retry: true, cause });
  }
  const certificate = tlsProblem(cause);
  // Ends a start, which somebody has to correct. A worker at work holds its records: the server's certificate may be renewed.
  if (certificate !== undefined) {
    return new S3Failure(certificate, { kind: "unauthenticated", cause });
  }
  return new S3Failure(
    `the server cannot be reached: ${
      oneLine(reasonOf(cause))
    }; check the address and that the server runs`,
    { kind: "unavailable", retry: true, cause },
  );
}

function redirected({ status, headers, body }: Answer, context: AnswerContext): S3Failure {
  const { mask } = context;
  let target = "elsewhere";
  try {
    const { origin, host } = new URL(headers.get("location") ?? "", context.address);
    if (host !== "") target = `to ${mask.apply(origin).slice(0, MAX_CODE)}`;
  } catch {
    // No address that could be named.
  }
  const region = mask.apply(headers.get("x-amz-bucket-region") ?? "").slice(0, MAX_CODE);
  const code = parseErrorBody(body)?.code;
  const hint = region
    ? `set the region to ${region}`
    : "give the address and region of the bucket itself";
  return new S3Failure(
    `the server redirects ${target} (${status}), which is not followed; ${hint}`,
    { kind: "denied", code },
  );
}

function skewed(headers: Headers, { now, mask }: AnswerContext): S3Failure {
  const theirs = oneLine(mask.apply(headers.get("date") ?? "unknown")).slice(0, MAX_CODE);
  return new S3Failure(
    `this machine's clock (${
      new Date(now).toUTCString()
    }) and the server's (${theirs}) are too far apart; set the clock`,
    { kind: "unauthenticated", code: "RequestTimeTooSkewed" },
  );
}

function denied(
  { status }: Answer,
  { kind, code, message = "" }: {
    kind: "denied" | "unauthenticated";
    code: string | undefined;
    message: string | undefined;
  },
  { address, user, mask }: AnswerContext,
): S3Failure {
  // Code and message alone: a body may also have the key's id and what was signed.
  const words = wordsOf({ code, message }, mask);
  const said = words === "" ? ` (status ${status}, without a reason)` : ` (${words})`;
  const who = user === undefined
    ? `without a user${said}; give a user and a password for ${address}`
    : `to user ${JSON.stringify(user)}${said}; check user, password and permissions at ${address}`;
  return new S3Failure(`access is denied ${who}`, { kind, code });
}

function describing(
  status: number,
  { code = "", message = "" }: { code?: string; message?: string },
  mask: SecretMask,
): string {
  const words = wordsOf({ code, message }, mask);
  return `the server answered ${status}${words && ` (${words})`}`;
}

/** What the server calls the error and says of it, without a period, so that a sentence can go on. */
function wordsOf(
  { code = "", message = "" }: { code?: string; message?: string },
  mask: SecretMask,
): string {
  const words = [shownCode(code, mask), mask.apply(message)].filter((part) => part).join(": ");
  return oneLine(words).trim().replace(/\.$/, "");
}

function shownCode(code: string, mask: SecretMask): string {
  return oneLine(mask.apply(code)).slice(0, MAX_CODE);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").slice(0, 300);
}
