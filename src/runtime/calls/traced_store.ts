import type { GetOptions, ObjectInfo, PutOptions, StoredObject } from "../../store/store.ts";
import type { TaskStore, UploadOptions } from "../../api/task_store.ts";

/** The store of a task while it works on a record that came with a trace: what is read and written for it says so. */
export class TracedStore implements TaskStore {
  readonly #store: TaskStore;
  readonly #traceparent: string;

  constructor(store: TaskStore, traceparent: string) {
    this.#store = store;
    this.#traceparent = traceparent;
  }

  get address(): string {
    return this.#store.address;
  }
  check(bucket: string, signal?: AbortSignal): Promise<void> {
    return this.#store.check(bucket, signal);
  }
  list(bucket: string, prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo[]> {
    return this.#store.list(bucket, prefix, signal);
  }
  get(bucket: string, key: string, options?: GetOptions): Promise<StoredObject> {
    return this.#store.get(bucket, key, { traceparent: this.#traceparent, ...options });
  }
  put(
    bucket: string,
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options?: PutOptions,
  ): Promise<{ etag: string }> {
    return this.#store.put(bucket, key, body, { traceparent: this.#traceparent, ...options });
  }
  upload(
    path: string,
    bucket: string,
    key: string,
    options?: UploadOptions,
  ): Promise<{ etag: string }> {
    const traced = { traceparent: this.#traceparent, ...options };
    return this.#store.upload(path, bucket, key, traced);
  }
  delete(bucket: string, key: string, signal?: AbortSignal): Promise<void> {
    return this.#store.delete(bucket, key, signal);
  }
  /** The task's store is closed by whoever opened it. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
