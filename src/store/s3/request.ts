import { answerText } from "../../base/text/answer_text.ts";
import { Attempt } from "../../base/data/request_attempt.ts";
import { failureOfAnswer, failureOfConnection, S3Failure } from "./failure.ts";
import { createSigner, type S3Credentials, type Signer } from "./sign.ts";
import { s3Url } from "./url.ts";
import { parseErrorBody } from "./xml.ts";
import type { StoreCall } from "../store_failure.ts";
import { StoreError } from "../store.ts";
import { SecretMask } from "../../base/secret_mask.ts";
import { growingDelay } from "../../base/time/waiting.ts";

/** A page of 1,000 keys of 1,024 bytes, percent-encoded, stays well below. */
const MAX_TEXT_BYTES = 8 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
/** So that a server that is back does not stand idle for long. */
const LONGEST_BACKOFF_MS = 3_200;

type FetchInit = RequestInit & { decompress: boolean };

/** How long an `S3Store` waits, and how often it tries. */
export interface S3Timing {
  /** No sign of the server for this long ends an attempt. @default 30_000 */
  idleMs?: number;
  /** How long an attempt may wait for the server altogether, besides what its bytes need. @default 60_000 */
  totalMs?: number;
  /** The slowest transfer that is put up with: adds to `totalMs` by size. @default 32_768 */
  bytesPerSecond?: number;
  /** Tries of one request. @default 8 */
  tries?: number;
  /** First wait before trying again; doubles each time up to 3.2 s, and a random half of it is left out. @default 200 */
  backoffMs?: number;
  /** No more waiting between the tries of one request than this; a Retry-After that is longer is not followed. @default 10_000 */
  patienceMs?: number;
}

export interface S3ClientOptions {
  base: string;
  credentials?: S3Credentials;
  region: string;
  timing?: S3Timing;
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  now: () => number;
  random: () => number;
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface S3Request {
  readonly call: StoreCall;
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal;
}

export interface OpenAnswer {
  readonly response: Response;
  /** Covers the body too: the reader waits with it and ends it. */
  readonly attempt: Attempt;
  /** The headers of the request. */
  readonly sent: Headers;
}

export interface TextAnswer {
  readonly text: string;
  readonly headers: Headers;
}

/** Sends requests to one S3 server, again where that may help. */
export class S3Client {
  readonly timing: Required<S3Timing>;
  readonly #options: S3ClientOptions;
  readonly #sign: Signer;
  readonly #closed = new AbortController();

  constructor(options: S3ClientOptions) {
    this.#options = options;
    this.#sign = createSigner(options);
    this.timing = {
      idleMs: 30_000,
      totalMs: 60_000,
      bytesPerSecond: 32 * 1024,
      tries: 8,
      backoffMs: 200,
      patienceMs: 10_000,
      ...options.timing,
    };
  }

  /** A successful answer whose body is still to be read. */
  async open(request: S3Request): Promise<OpenAnswer> {
    return await this.#withRetries(request, (answer) => Promise.resolve(answer));
  }

  /** A successful answer with its whole text. An error in the body of a success is a failure like any other. */
  async text(request: S3Request): Promise<TextAnswer> {
    return await this.#withRetries(request, async ({ response, attempt, sent }) => {
      const { idleMs } = this.timing;
      const { text, whole } = await answerText(response, {
        attempt,
        idleMs,
        limit: MAX_TEXT_BYTES,
      });
      attempt.end();
      if (!whole) {
        const message = `the answer has more than ${MAX_TEXT_BYTES} bytes`;
        throw new S3Failure(message, { kind: "unavailable" });
      }
      if (parseErrorBody(text)) throw this.#failure(response, text, sent);
      return { text, headers: response.headers };
    });
  }

  /** How long a transfer of so many bytes may take, beyond the usual wait. */
  transferMs(bytes: number): number {
    return bytes / this.timing.bytesPerSecond * 1000;
  }

  /** Ends everything under way. */
  close(): void {
    this.#closed.abort();
  }

  async #withRetries<T>(
    request: S3Request,
    use: (answer: OpenAnswer) => Promise<T>,
  ): Promise<T> {
    const { tries, backoffMs, patienceMs } = this.timing;
    const { call, signal } = request;
    let waited = 0;
    for (let tried = 1;; tried++) {
      try {
        return await this.#once(request, use);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof S3Failure)) throw error;
        const backoff = growingDelay(tried - 1, { first: backoffMs, longest: LONGEST_BACKOFF_MS }) *
          (1 - this.#options.random() / 2);
        const { retryAfterMs = 0 } = error;
        // MinIO asks for a minute with every 503, also while it starts, which takes a second.
        const wait = retryAfterMs > patienceMs ? backoff : Math.max(backoff, retryAfterMs);
        if (!error.retry || tried >= tries || waited + wait > patienceMs) {
          throw error.toStoreError(call, tried);
        }
        waited += wait;
        await this.#options.sleep(wait, signal);
      }
    }
  }

  async #once<T>(request: S3Request, use: (answer: OpenAnswer) => Promise<T>): Promise<T> {
    if (this.#closed.signal.aborted) {
      throw new S3Failure("the store is closed", { kind: "unavailable" });
    }
    const { call, method, query, body } = request;
    const url = s3Url(this.#options.base, { bucket: call.bucket, key: call.key, query });
    const sending = this.transferMs(body?.length ?? 0);
    const attempt = new Attempt(this.timing.totalMs + sending, [
      request.signal,
      this.#closed.signal,
    ]);
    try {
      const headers = await this.#sign({ method, url, headers: request.headers ?? {}, body });
      // What fetch would unpack could not be checked against its size. Not signed: proxies change these headers.
      headers.set("accept-encoding", "identity");
      if (call.traceparent !== undefined) headers.set("traceparent", call.traceparent);
      const init: FetchInit = {
        method,
        headers,
        body,
        signal: attempt.signal,
        // Whoever is redirected would sign for, and talk to, a host that nobody named.
        redirect: "manual",
        // Bun unpacks nevertheless what is stored packed; elsewhere nobody knows this word.
        decompress: false,
      };
      const response = await attempt.wait(
        this.timing.idleMs + sending,
        () => this.#options.fetch(url, init),
      );
      if (!response.ok) {
        const { idleMs } = this.timing;
        const { text } = await answerText(response, { attempt, idleMs, limit: MAX_ERROR_BYTES });
        throw this.#failure(response, text, headers);
      }
      return await use({ response, attempt, sent: headers });
    } catch (error) {
      attempt.end();
      throw this.failureOf(error, request.signal);
    }
  }

  /** What was thrown while waiting for the server, as a failure; an abort of the caller's stays what it is. */
  failureOf(error: unknown, signal?: AbortSignal): unknown {
    if (signal?.aborted) return signal.reason;
    if (error instanceof S3Failure || error instanceof StoreError) return error;
    if (this.#closed.signal.aborted) {
      return new S3Failure("the store was closed meanwhile", { kind: "unavailable", cause: error });
    }
    return failureOfConnection(error);
  }

  #failure(response: Response, body: string, sent: Headers): S3Failure {
    const { status, headers } = response;
    const { base, credentials, now } = this.#options;
    const [, signature] = /Signature=(\w+)/.exec(sent.get("authorization") ?? "") ?? [];
    const mask = new SecretMask([credentials?.password, signature]);
    const context = { address: base, user: credentials?.user, mask, now: now() };
    return failureOfAnswer({ status, headers, body }, context);
  }
}
