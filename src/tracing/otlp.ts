import { answerText } from "../base/text/answer_text.ts";
import { Attempt } from "../base/data/request_attempt.ts";
import { tlsProblem } from "../base/tls_problem.ts";
import { reasonOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { retryAfter } from "../base/time/retry_after.ts";
import { SecretMask } from "../base/secret_mask.ts";
import { REAL_TIMERS, type Timers } from "../base/time/timers.ts";
import { growingDelay, waitAtMost } from "../base/time/waiting.ts";
import { otlpJson, type Sender } from "./otlp_json.ts";
import type { Span, Spans } from "./spans.ts";

export interface OtlpOptions extends Sender {
  /** Where spans are posted to. */
  readonly url: string;
  /** Of each request, such as those that a collector asks for to let us in. */
  readonly headers: Readonly<Record<string, string>>;
  /** Part of the traces beginning here that is sent, 0 to 1. */
  readonly ratio: number;
  readonly log: Logger;
  /** @default the real ones */
  readonly timers?: Timers;
  /** Spans that may wait. @default 4096 */
  readonly queue?: number;
}

/** As OpenTelemetry's batch span processor has them. */
const BATCH = 512;
const EVERY_MS = 5000;
const TIMEOUT_MS = 10_000;
/** A collector that is away for longer loses what it missed: by then the queue is full anyway. */
const TRIES = 5;
const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 16_000;
const CLOSE_MS = 5000;
/** What a collector says beyond that is not read. */
const MAX_ANSWER_BYTES = 64 << 10;
/** Answers after which the same request may be sent again (OTLP/HTTP, "Retryable Response Codes"). */
const RETRYABLE = new Set([429, 502, 503, 504]);
/** A header's value of fewer characters, such as the number of a tenant, is no secret. */
const LEAST_SECRET = 6;

/** What became of one request: a reason, and how long to wait before it may be sent again; without that it is of no use. */
interface Refusal {
  readonly reason: string;
  readonly retryMs?: number;
  /** Spans that were not taken. @default all */
  readonly count?: number;
}

/** Sends spans to a collector as OTLP/HTTP with JSON, in batches, from a queue that is bounded. */
export class OtlpSpans implements Spans {
  readonly #options: OtlpOptions;
  readonly #timers: Timers;
  readonly #queueSize: number;
  /** Traces whose id ends in a smaller number are sent (W3C Trace Context Level 2: the last 7 bytes are random). */
  readonly #bound: number;
  readonly #mask: SecretMask;
  /** The collector for the log: a path or a query may hold what it asks for to let us in. */
  readonly #place: string;
  readonly #closing = new AbortController();
  #waiting: Span[] = [];
  #cancelTimer?: () => void;
  #sending?: Promise<void>;
  /** Ends the wait before another try. */
  #hurry?: () => void;
  #dropped = 0;
  /** Of these, what the log has said. */
  #told = 0;
  #isClosed = false;
  #isAway = false;

  constructor(options: OtlpOptions) {
    this.#options = options;
    this.#timers = options.timers ?? REAL_TIMERS;
    this.#queueSize = options.queue ?? 4096;
    this.#bound = options.ratio * 2 ** 52;
    this.#mask = maskOf(options);
    this.#place = new URL(options.url).origin;
  }

  get dropped(): number {
    return this.#dropped;
  }

  samples(traceId: string): boolean {
    return parseInt(traceId.slice(-13), 16) < this.#bound;
  }

  ended(span: Span): void {
    if (this.#isClosed || this.#waiting.length >= this.#queueSize) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(span);
    if (this.#waiting.length >= BATCH) this.#send();
    else if (this.#sending === undefined) this.#startTimer();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#hurry?.();
    this.#send();
    if (this.#sending !== undefined) await waitAtMost(this.#sending, CLOSE_MS);
    this.#closing.abort();
    await this.#sending;
    this.#tellDropped();
  }

  #startTimer(): void {
    this.#cancelTimer ??= this.#timers.after(EVERY_MS, () => this.#send());
  }

  #send(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#sending !== undefined || this.#waiting.length === 0) return;
    this.#sending = this.#sendAllDue().finally(() => this.#sending = undefined);
  }

  /** Never rejects. */
  async #sendAllDue(): Promise<void> {
    do {
      await this.#sendBatch(this.#waiting.splice(0, BATCH));
    } while (this.#waiting.length >= BATCH || (this.#isClosed && this.#waiting.length > 0));
    if (this.#waiting.length > 0) this.#startTimer();
  }

  async #sendBatch(spans: readonly Span[]): Promise<void> {
    const { log } = this.#options;
    const body = otlpJson(spans, this.#options);
    for (let failures = 0;; failures++) {
      const refusal = await this.#post(body);
      if (refusal === undefined) {
        if (this.#isAway) log.info("Spans are sent again");
        this.#isAway = false;
        this.#tellDropped();
        return;
      }
      const { reason, retryMs, count = spans.length } = refusal;
      if (!this.#isAway) log.warning("Cannot send spans", { url: this.#place, reason });
      this.#isAway = true;
      if (retryMs === undefined || failures + 1 >= TRIES || this.#closing.signal.aborted) {
        this.#dropped += count;
        return;
      }
      const delay = growingDelay(failures, { first: FIRST_DELAY_MS, longest: LONGEST_DELAY_MS });
      await this.#pause(Math.min(Math.max(delay, retryMs), LONGEST_DELAY_MS));
    }
  }

  #pause(ms: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#timers.after(ms, resolve);
      this.#hurry = () => {
        cancel();
        resolve();
      };
    });
  }

  /** Undefined if the collector has them. Never rejects. */
  async #post(body: string): Promise<Refusal | undefined> {
    const { url, headers } = this.#options;
    const attempt = new Attempt(TIMEOUT_MS, [this.#closing.signal]);
    try {
      const response = await attempt.wait(TIMEOUT_MS, () =>
        fetch(url, {
          method: "POST",
          headers: { ...headers, "content-type": "application/json" },
          body,
          signal: attempt.signal,
          // Whoever is redirected would send its headers to a host that nobody named.
          redirect: "manual",
        }));
      const limits = { attempt, idleMs: TIMEOUT_MS, limit: MAX_ANSWER_BYTES };
      const { text } = await answerText(response, limits);
      return refusalIn(response, this.#mask.apply(text));
    } catch (error) {
      // Errors of some platforms name the whole URL.
      const reason = tlsProblem(error) ?? reasonOf(error).replaceAll(url, this.#place);
      return { reason: this.#mask.apply(reason), retryMs: 0 };
    } finally {
      attempt.end();
    }
  }

  #tellDropped(): void {
    const count = this.#dropped - this.#told;
    if (count === 0) return;
    this.#options.log.warning("Spans were dropped", { count });
    this.#told = this.#dropped;
  }
}

/** Of the headers' values, of what follows a scheme such as `Bearer`, and of what the URL's query has. */
function maskOf({ headers, url }: Pick<OtlpOptions, "headers" | "url">): SecretMask {
  const values = Object.values(headers).flatMap((value) => [value, value.replace(/^\S+ +/, "")]);
  values.push(...new URL(url).searchParams.values());
  return new SecretMask(values.filter((value) => value.length >= LEAST_SECRET));
}

function refusalIn(response: Response, text: string): Refusal | undefined {
  const { status, headers } = response;
  if (response.ok) {
    return rejectedIn(text);
  }
  const said = text.trim().slice(0, 200);
  const reason = said === "" ? `answer ${status}` : `answer ${status}: ${said}`;
  if (!RETRYABLE.has(status)) return { reason };
  return { reason, retryMs: retryAfter(headers, Date.now()) ?? 0 };
}

/** What the collector did not take of a request that it did take (`partialSuccess`). */
function rejectedIn(text: string): Refusal | undefined {
  try {
    const { rejectedSpans = 0, errorMessage = "" } = JSON.parse(text).partialSuccess ?? {};
    const count = Number(rejectedSpans);
    if (count > 0) return { reason: `${count} rejected: ${String(errorMessage)}`, count };
  } catch {
    // An empty answer, or one for people.
  }
  return undefined;
}
