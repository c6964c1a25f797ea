import { cancelBody } from "../../base/data/body_chunks.ts";
import { reasonOf } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { compareUtf8 } from "../../base/text/utf8_order.ts";
import { checkNames, checkPrefix } from "../object_name.ts";
import { putBody } from "../put_body.ts";
import { s3Body } from "./body.ts";
import { S3Client, type S3Request, type S3Timing } from "./request.ts";
import { upload } from "./upload.ts";
import { parseEndpoint, type S3Endpoint } from "./url.ts";
import { type ListPage, parseListPage, unquoted } from "./xml.ts";
import {
  type GetOptions,
  type ObjectInfo,
  type PutOptions,
  type Store,
  type StoredObject,
  StoreError,
} from "../store.ts";
import { type StoreCall, storeError } from "../store_failure.ts";

/** What a header can carry; anything else in one would be an error of its own, or another header. */
const HEADER_TEXT = /^[\x20-\x7e]*$/;
const PART_SIZE = 5 * 1024 * 1024;
/** Pages in a row without an object; a server may have a few after a mass deletion. */
const MAX_EMPTY_PAGES = 100;

/** Where an S3 server is, and how to talk to it. */
export interface S3StoreOptions {
  /** `http(s)://host:port`; credentials in it are used where `user` and `password` are not given. */
  endpoint: string;
  /** Without a user, requests are not signed: then only public buckets can be used. */
  user?: string;
  /** Belongs to `user`. */
  password?: Secret;
  /** Part of the signature. @default "us-east-1" */
  region?: string;
  /** `check` says after so long that the server does not answer. @default 12_000 */
  checkMs?: number;
  /** Bytes of an upload held at once, and from which on it goes in parts; at least 5 MiB on most servers. @default 5 MiB */
  partSize?: number;
  /** How long to wait, and how often to try again. */
  timing?: S3Timing;
  /** Sends the requests. @default the global `fetch` */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** The time of signatures. @default Date.now */
  now?: () => number;
  /** Spreads the pauses before new attempts. @default Math.random */
  random?: () => number;
  /** Waits for a new attempt. @default a timer */
  sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/**
 * Objects on an S3 server: path style, every request signed, retried and bounded in time by `S3Client`.
 * @throws {TypeError} for an address that is none, or a user without a password.
 */
export class S3Store implements Store {
  /** The server's address without credentials. */
  readonly address: string;
  readonly #client: S3Client;
  readonly #partSize: number;
  readonly #checkMs: number;

  /** Contacts nothing. */
  constructor(options: S3StoreOptions) {
    const endpoint = parseEndpoint(options.endpoint);
    this.address = endpoint.base;
    this.#partSize = options.partSize ?? PART_SIZE;
    this.#checkMs = options.checkMs ?? 12_000;
    const { user, password } = credentialsOf(options, endpoint);
    if ((user === undefined) !== (password === undefined)) {
      const lacking = user === undefined ? "password without a user" : "user without a password";
      throw new TypeError(
        `Cannot use store ${this.address}: it has a ${lacking}; give both or none`,
      );
    }
    if (user !== undefined && !/^[\x21-\x7e]+$/.test(user)) {
      throw new TypeError(
        `Cannot use store ${this.address}: the user ${
          quote(user)
        } has blanks or letters outside ASCII`,
      );
    }
    this.#client = new S3Client({
      base: endpoint.base,
      credentials: user === undefined || password === undefined ? undefined : { user, password },
      region: options.region ?? "us-east-1",
      timing: options.timing,
      fetch: options.fetch ?? ((url, init) => fetch(url, init)),
      now: options.now ?? Date.now,
      random: options.random ?? Math.random,
      sleep: options.sleep ?? sleep,
    });
  }

  async check(bucket: string, signal?: AbortSignal): Promise<void> {
    const call = this.#begin({ action: "check", bucket }, signal);
    const reason =
      `no answer within ${this.#checkMs} ms; check the address and that the server is well`;
    const limit = new AbortController();
    const timer = setTimeout(
      () => limit.abort(storeError(call, { kind: "unavailable", reason })),
      this.#checkMs,
    );
    const stop = () => limit.abort(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      await this.#page(call, { "max-keys": "1" }, limit.signal);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  async *list(bucket: string, prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo[]> {
    const call = this.#begin({ action: "list", bucket }, signal);
    checkPrefix(call, prefix);
    const endless = (reason: string) => storeError(call, { kind: "unavailable", reason });
    let token: string | undefined;
    let last: string | undefined;
    let emptyPages = 0;
    for (;;) {
      const query: Record<string, string> = { prefix };
      if (token !== undefined) query["continuation-token"] = token;
      const page = await this.#page(call, query, signal);
      const first = page.objects[0];
      if (first && last !== undefined && compareUtf8(first.key, last) <= 0) {
        throw endless(`the listing goes back from ${quote(last)} to ${quote(first.key)}`);
      }
      if (page.objects.some((object) => !object.key.startsWith(prefix))) {
        throw endless(`the listing has keys that do not begin with ${quote(prefix)}`);
      }
      last = page.objects.at(-1)?.key ?? last;
      emptyPages = first ? 0 : emptyPages + 1;
      if (first) yield page.objects.map((object) => ({ bucket, ...object }));
      if (!page.truncated) return;
      if (page.nextToken === undefined || page.nextToken === token) {
        throw endless("the listing is cut off without a way to go on");
      }
      if (emptyPages > MAX_EMPTY_PAGES) throw endless("the listing does not end");
      token = page.nextToken;
      signal?.throwIfAborted();
    }
  }

  async get(bucket: string, key: string, options: GetOptions = {}): Promise<StoredObject> {
    const { signal, ifMatch, traceparent } = options;
    const call = this.#begin({ action: "get", bucket, key, traceparent }, signal);
    const headers: Record<string, string> = {};
    if (ifMatch !== undefined) headers["if-match"] = `"${ifMatch}"`;
    if (ifMatch !== undefined && !HEADER_TEXT.test(ifMatch)) {
      const reason = `no object can have the ETag ${quote(ifMatch)}`;
      throw storeError(call, { kind: "precondition", reason });
    }
    const request: S3Request = { call, method: "GET", headers, signal };
    const answer = await this.#client.open(request);
    const { response } = answer;
    const size = Number(response.headers.get("content-length") ?? NaN);
    if (!Number.isSafeInteger(size)) {
      answer.attempt.end();
      throw storeError(call, { kind: "unavailable", reason: "the answer does not say the size" });
    }
    const etag = unquoted(response.headers.get("etag") ?? "");
    if (ifMatch !== undefined && etag !== ifMatch) {
      answer.attempt.end();
      const reason =
        `the server gave another version (${etag}) than the one asked for (${ifMatch})`;
      throw storeError(call, { kind: "precondition", reason });
    }
    return {
      bucket,
      key,
      size,
      etag,
      lastModifiedUnixMilli: Date.parse(response.headers.get("last-modified") ?? "") || 0,
      contentType: response.headers.get("content-type") ?? undefined,
      body: s3Body(this.#client, request, { answer, size, etag }),
    };
  }

  async put(
    bucket: string,
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options: PutOptions = {},
  ): Promise<{ etag: string }> {
    try {
      const { signal, traceparent } = options;
      const call = this.#begin({ action: "put", bucket, key, traceparent }, signal);
      const { contentType = "" } = options;
      if (!HEADER_TEXT.test(contentType)) {
        const reason = `${quote(contentType)} is no content type`;
        throw storeError(call, { kind: "bad-name", reason });
      }
      return await upload(this.#client, call, {
        body: putBody(call, body, options),
        options: { ...options, partSize: this.#partSize },
      });
    } catch (error) {
      cancelBody(body, error);
      throw error;
    }
  }

  async delete(bucket: string, key: string, signal?: AbortSignal): Promise<void> {
    const call = this.#begin({ action: "delete", bucket, key }, signal);
    try {
      await this.#client.text({ call, method: "DELETE", signal });
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== "missing-key") throw error;
    }
  }

  async close(): Promise<void> {
    this.#client.close();
    await Promise.resolve();
  }

  #begin(call: Omit<StoreCall, "address">, signal?: AbortSignal): StoreCall {
    const here = { ...call, address: this.address };
    signal?.throwIfAborted();
    checkNames(here);
    return here;
  }

  async #page(
    call: StoreCall,
    query: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<ListPage> {
    const { text } = await this.#client.text({
      call,
      method: "GET",
      query: { "list-type": "2", "encoding-type": "url", ...query },
      signal,
    });
    try {
      return parseListPage(text);
    } catch (cause) {
      const reason = `${reasonOf(cause)}; is this the address of an S3 server?`;
      throw storeError(call, { kind: "unavailable", reason, cause });
    }
  }
}

/** What is empty, as an environment variable may be, is not given. */
function credentialsOf(
  options: S3StoreOptions,
  endpoint: S3Endpoint,
): { user?: string; password?: Secret } {
  const user = options.user || endpoint.user;
  if (options.password?.reveal()) return { user, password: options.password };
  return { user, password: endpoint.password ? new Secret(endpoint.password) : undefined };
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
