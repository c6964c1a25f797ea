import { answerText } from "../../base/text/answer_text.ts";
import { Attempt } from "../../base/data/request_attempt.ts";
import type { Secret } from "../../base/secret.ts";
import { SecretMask } from "../../base/secret_mask.ts";
import { describeAnswer, type ItemAnswer, parseJson, readBulkAnswer } from "./answer.ts";
import { type ElasticAnswer, failureOf, unreachable } from "./failure.ts";

/** An answer to the largest request, five thousand documents with an error each, has a few MiB. */
const MAX_ANSWER_BYTES = 32 << 20;

export interface ElasticClientOptions {
  /** `http(s)://host:port` */
  address: string;
  index: string;
  user?: string;
  password?: Secret;
  /** How long an answer may take, ms. */
  answerMs: number;
}

export type BulkAnswer =
  | { readonly kind: "items"; readonly items: readonly ItemAnswer[] }
  /** Not as one request. */
  | { readonly kind: "too-large" | "refused"; readonly reason: string };

/** Elasticsearch (7 and later) or OpenSearch at one address, for one index. Each call is one request. */
export class ElasticClient {
  readonly #options: ElasticClientOptions;
  readonly #authorization: string | undefined;
  readonly #mask: SecretMask;

  constructor(options: ElasticClientOptions) {
    this.#options = options;
    const { user, password } = options;
    this.#authorization = user === undefined ? undefined : basic(user, password?.reveal() ?? "");
    const both = password && `${user ?? ""}:${password.reveal()}`;
    this.#mask = new SecretMask([both, password]);
  }

  get address(): string {
    return this.#options.address;
  }

  /**
   * Asks whether the server is there and takes the user. One who may write need not be allowed to ask this (403): then the answer is what was said.
   * @throws {ElasticFailure}
   */
  async check(signal?: AbortSignal): Promise<string | undefined> {
    const answer = await this.#request("GET", "/", { signal });
    const { status, text } = answer;
    const isJson = parseJson(text) !== undefined;
    if (status === 200 && isJson) return undefined;
    if (status === 403 && isJson) return describeAnswer({ status, text }, this.#mask);
    throw failureOf(answer, this.#options, this.#mask);
  }

  /** @param lines NDJSON, ending with a line break. @param documents In it. @throws {ElasticFailure} */
  async bulk(
    lines: Uint8Array<ArrayBuffer>,
    documents: number,
    { signal, traceparent }: { signal: AbortSignal; traceparent?: string },
  ): Promise<BulkAnswer> {
    const { index, answerMs } = this.#options;
    // What the server itself may wait for, such as a shard: its answer has to come before ours ends.
    const seconds = Math.max(1, Math.floor(answerMs / 3000));
    const path = `/${encodeURIComponent(index)}/_bulk?timeout=${seconds}s`;
    const answer = await this.#request("POST", path, { body: lines, signal, traceparent });
    const { status, text } = answer;
    if (status === 200) {
      const items = readBulkAnswer(text, documents, this.#mask);
      if (items !== undefined) return { kind: "items", items };
    }
    if (status === 413) {
      return { kind: "too-large", reason: describeAnswer({ status, text }, this.#mask) };
    }
    // One document that it does not understand makes it refuse all of them.
    if (status === 400) {
      return { kind: "refused", reason: describeAnswer({ status, text }, this.#mask) };
    }
    throw failureOf(answer, this.#options, this.#mask);
  }

  async #request(
    method: "GET" | "POST",
    path: string,
    { body, signal, traceparent }: {
      body?: Uint8Array<ArrayBuffer>;
      signal?: AbortSignal;
      traceparent?: string;
    },
  ): Promise<ElasticAnswer> {
    const { address, answerMs } = this.#options;
    const headers: Record<string, string> = { accept: "application/json" };
    if (body !== undefined) headers["content-type"] = "application/x-ndjson";
    if (traceparent !== undefined) headers.traceparent = traceparent;
    if (this.#authorization !== undefined) headers.authorization = this.#authorization;
    const attempt = new Attempt(answerMs * 2, [signal]);
    try {
      const response = await attempt.wait(answerMs, () =>
        fetch(address + path, {
          method,
          headers,
          body,
          signal: attempt.signal,
          // Whoever is redirected would hand records and password to a host that nobody named.
          redirect: "manual",
        }));
      // Of an answer that is too long only the beginning comes, which is then no JSON.
      const limits = { attempt, idleMs: answerMs, limit: MAX_ANSWER_BYTES };
      const { text } = await answerText(response, limits);
      return { status: response.status, headers: response.headers, text };
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable(error, address);
    } finally {
      attempt.end();
    }
  }
}

function basic(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}
