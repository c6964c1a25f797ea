import { bodyChunks, cancelBody, joinChunks } from "../base/data/body_chunks.ts";
import { reasonOf } from "../base/errors.ts";
import { compareUtf8 } from "../base/text/utf8_order.ts";
import { exactBody } from "./exact_body.ts";
import { checkNames, checkPrefix } from "./object_name.ts";
import { putBody } from "./put_body.ts";
import type { GetOptions, ObjectInfo, PutOptions, Store, StoredObject } from "./store.ts";
import { REASONS, type StoreCall, storeError } from "./store_failure.ts";

const PAGE = 1000;
const CHUNK = 64 * 1024;

interface MemoryObject extends ObjectInfo {
  readonly bytes: Uint8Array;
  readonly contentType?: string;
}

export interface MemoryStoreOptions {
  /** Buckets that are there from the start. @default [] */
  buckets?: readonly string[];
  /** Whether `put` makes a missing bucket; `check` then has no objection to one. @default false */
  createBuckets?: boolean;
  /** Called before each operation: what it throws, the caller gets. For tests of what happens when a store fails. @default none */
  before?: (call: StoreCall) => void | Promise<void>;
  /** @default Date.now */
  now?: () => number;
}

/** Objects that live as long as the process. */
export class MemoryStore implements Store {
  readonly address = "memory:";
  readonly #buckets = new Map<string, Map<string, MemoryObject>>();
  readonly #createBuckets: boolean;
  readonly #before: (call: StoreCall) => void | Promise<void>;
  readonly #now: () => number;
  #puts = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.#createBuckets = options.createBuckets ?? false;
    this.#before = options.before ?? (() => {});
    this.#now = options.now ?? Date.now;
    for (const bucket of options.buckets ?? []) this.#buckets.set(bucket, new Map());
  }

  async check(bucket: string, signal?: AbortSignal): Promise<void> {
    const call = await this.#begin({ action: "check", bucket }, signal);
    if (!this.#createBuckets) this.#bucket(call);
  }

  async *list(bucket: string, prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo[]> {
    const call = await this.#begin({ action: "list", bucket }, signal);
    checkPrefix(call, prefix);
    const objects = this.#bucket(call);
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort(compareUtf8);
    for (let i = 0; i < keys.length; i += PAGE) {
      signal?.throwIfAborted();
      const page = keys.slice(i, i + PAGE).map((key) => objects.get(key));
      yield page.filter((object) => object !== undefined).map(infoOf);
    }
  }

  async get(bucket: string, key: string, options: GetOptions = {}): Promise<StoredObject> {
    const { signal, ifMatch } = options;
    const call = await this.#begin({ action: "get", bucket, key }, signal);
    const object = this.#bucket(call).get(key);
    if (!object) throw storeError(call, { kind: "missing-key", reason: REASONS.missingKey });
    if (ifMatch !== undefined && ifMatch !== object.etag) {
      throw storeError(call, { kind: "precondition", reason: REASONS.changed });
    }
    const body = exactBody(contentOf(object.bytes), {
      size: object.size,
      signal,
      wrongSize: (got) => new RangeError(`${got} bytes of ${object.size}`),
      failed: (cause) => storeError(call, { kind: "unavailable", reason: reasonOf(cause), cause }),
    });
    return { ...infoOf(object), body, contentType: object.contentType };
  }

  async put(
    bucket: string,
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options: PutOptions = {},
  ): Promise<{ etag: string }> {
    const { signal, contentType } = options;
    try {
      const call = await this.#begin({ action: "put", bucket, key }, signal);
      if (!this.#createBuckets) this.#bucket(call);
      const parts: Uint8Array[] = [];
      for await (const chunk of bodyChunks(putBody(call, body, options), signal)) parts.push(chunk);
      const bytes = joinChunks(parts);
      if (!this.#buckets.has(bucket) && this.#createBuckets) this.#buckets.set(bucket, new Map());
      const etag = (++this.#puts).toString(16).padStart(8, "0");
      this.#bucket(call).set(key, {
        bucket,
        key,
        size: bytes.length,
        etag,
        lastModifiedUnixMilli: this.#now(),
        bytes,
        contentType,
      });
      return { etag };
    } catch (error) {
      cancelBody(body, error);
      throw error;
    }
  }

  async delete(bucket: string, key: string, signal?: AbortSignal): Promise<void> {
    const call = await this.#begin({ action: "delete", bucket, key }, signal);
    this.#bucket(call).delete(key);
  }

  async close(): Promise<void> {
    this.#buckets.clear();
    await Promise.resolve();
  }

  async #begin(call: Omit<StoreCall, "address">, signal?: AbortSignal): Promise<StoreCall> {
    const here = { ...call, address: this.address };
    signal?.throwIfAborted();
    checkNames(here);
    await this.#before(here);
    return here;
  }

  #bucket(call: StoreCall): Map<string, MemoryObject> {
    const objects = this.#buckets.get(call.bucket);
    if (objects) return objects;
    throw storeError(call, { kind: "missing-bucket", reason: REASONS.missingBucket });
  }
}

function infoOf(object: MemoryObject): ObjectInfo {
  const { bucket, key, size, etag, lastModifiedUnixMilli } = object;
  return { bucket, key, size, etag, lastModifiedUnixMilli };
}

function contentOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + CHUNK));
      at += CHUNK;
    },
  }, { highWaterMark: 0 });
}
