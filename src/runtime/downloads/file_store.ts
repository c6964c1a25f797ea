import type { TaskStore, UploadOptions } from "../../api/task_store.ts";
import { reasonOf } from "../../base/errors.ts";
import type { OpenedFile } from "../../host.ts";
import type { GetOptions, ObjectInfo, PutOptions, Store, StoredObject } from "../../store/store.ts";
import type { TransferLog } from "./transfer_log.ts";

export interface TaskStoreOptions {
  store: Store;
  /** As `Host` has it. */
  openFile: (path: string) => Promise<OpenedFile>;
  transfers: TransferLog;
}

/** The store of a task: with files, and with log lines of what takes long. */
export function createTaskStore(options: TaskStoreOptions): TaskStore {
  return new FileStore(options);
}

class FileStore implements TaskStore {
  readonly #store: Store;
  readonly #openFile: TaskStoreOptions["openFile"];
  readonly #transfers: TransferLog;

  constructor({ store, openFile, transfers }: TaskStoreOptions) {
    this.#store = store;
    this.#openFile = openFile;
    this.#transfers = transfers;
  }

  get address(): string {
    return this.#store.address;
  }

  async upload(
    path: string,
    bucket: string,
    key: string,
    options: UploadOptions = {},
  ): Promise<{ etag: string }> {
    options.signal?.throwIfAborted();
    const { size, body } = await this.#open(path);
    return await this.put(bucket, key, body, { ...options, size });
  }

  async put(
    bucket: string,
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options: PutOptions = {},
  ): Promise<{ etag: string }> {
    if (body instanceof Uint8Array) return await this.#store.put(bucket, key, body, options);
    const { size: total } = options;
    const progress = this.#transfers.begin({ direction: "Upload", bucket, key, total });
    const stored = await this.#store.put(bucket, key, progress.counted(body), options);
    progress.done();
    return stored;
  }

  check(bucket: string, signal?: AbortSignal): Promise<void> {
    return this.#store.check(bucket, signal);
  }

  list(bucket: string, prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo[]> {
    return this.#store.list(bucket, prefix, signal);
  }

  get(bucket: string, key: string, options?: GetOptions): Promise<StoredObject> {
    return this.#store.get(bucket, key, options);
  }

  delete(bucket: string, key: string, signal?: AbortSignal): Promise<void> {
    return this.#store.delete(bucket, key, signal);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #open(path: string): Promise<OpenedFile> {
    try {
      return await this.#openFile(path);
    } catch (error) {
      const code = reasonOf(error);
      throw new Error(
        `Cannot upload file ${JSON.stringify(path)}: ${REASONS[code] ?? code}; check the path`,
        { cause: error },
      );
    }
  }
}

/** What the system's codes mean. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  ENOTDIR: "it does not exist",
  EISDIR: "it is no file",
  EACCES: "the system does not permit it",
  NotCapable: "the system does not permit it",
};
