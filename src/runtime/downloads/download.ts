import type { RecordValue } from "../../codec/codec.ts";
import { type Files, FilesError } from "../../files/files.ts";
import { reasonOf, RejectedError, UnavailableError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { type ObjectInfo, type Store, StoreError } from "../../store/store.ts";
import type { TransferLog } from "./transfer_log.ts";

/** Longest file name made from a key, UTF-8 bytes. */
const NAME_BYTES = 100;

/** A download that found no room is tried again after at least this long. */
const FULL_MS = 1000;

/** An object that was downloaded for one delivery. */
export interface Download {
  /** Absolute path of the file. */
  readonly path: string;
  open(): Promise<ReadableStream<Uint8Array>>;
  /** Deletes the file and its folder. Never rejects: what cannot be removed is swept by a later start. */
  remove(): Promise<void>;
}

/**
 * `bucket` and `key` of a record, as `autoDownload` needs them (product document, "Automatic download").
 * @param buckets Those that a record may name. Otherwise a sender of records could read everything that the pipeline's credentials open.
 * @throws {RejectedError} if the record names another one.
 */
export function referenceIn(
  record: RecordValue | undefined,
  buckets: ReadonlySet<string>,
): { bucket: string; key: string } {
  const bucket = record?.bucket;
  const key = record?.key;
  if (typeof bucket !== "string" || typeof key !== "string") {
    throw new TypeError(
      'Cannot find the object: the record has no string fields "bucket" and "key"',
    );
  }
  if (buckets.has(bucket) || buckets.has("*")) return { bucket, key };
  throw new RejectedError(
    `Cannot read from bucket ${
      JSON.stringify(bucket.slice(0, 80))
    }: the record names it and the pipeline does not; ` +
      `list it in globalConfig.store.buckets if records may name it`,
  );
}

/**
 * Downloads the objects that records name. Each into a folder of its own with an unguessable name, so that neither a key nor another process
 * decides where anything is written.
 */
export class Downloads {
  readonly #files: Files;
  readonly #store: Store;
  readonly #buckets: ReadonlySet<string>;
  readonly #transfers: TransferLog;
  readonly #log: Logger;

  constructor(
    options: {
      files: Files;
      store: Store;
      /** Those that records may name. */
      buckets: ReadonlySet<string>;
      transfers: TransferLog;
      log: Logger;
    },
  ) {
    this.#buckets = options.buckets;
    this.#files = options.files;
    this.#store = options.store;
    this.#transfers = options.transfers;
    this.#log = options.log;
  }

  async fetch(
    record: RecordValue | undefined,
    signal: AbortSignal,
    { traceparent }: { traceparent?: string } = {},
  ): Promise<Download> {
    const { bucket, key } = referenceIn(record, this.#buckets);
    const object = await this.#store.get(bucket, key, { signal, traceparent });
    const progress = this.#transfers.begin({
      direction: "Download",
      bucket,
      key,
      total: object.size,
    });
    const folder = crypto.randomUUID();
    const path = `${folder}/${fileName(key)}`;
    try {
      const written = await this.#files.write(path, progress.counted(object.body), { signal });
      if (written !== object.size) {
        throw new StoreError(
          `Cannot download "${bucket}/${key}": got ${written} of ${object.size} bytes`,
          { kind: "unavailable", bucket, key },
        );
      }
      progress.done();
    } catch (error) {
      await this.#remove(folder);
      if (error instanceof FilesError && error.kind === "no-room") {
        throw await this.#noRoom(error, object);
      }
      throw error;
    }
    return {
      path: `${this.#files.root}/${path}`,
      open: async () => {
        const body = await this.#files.read(path);
        if (body === undefined) throw new Error(`Cannot read "${path}": it is gone`);
        return body;
      },
      remove: () => this.#remove(folder),
    };
  }

  /** A full disk is no fault of the record, unless the object is larger than the whole disk. */
  async #noRoom(cause: FilesError, { bucket, key, size }: ObjectInfo): Promise<Error> {
    const { root } = this.#files;
    const total = (await this.#files.room())?.total ?? Infinity;
    if (size > total) {
      return new RejectedError(
        `Cannot download "${bucket}/${key}": its ${size} bytes are more than the whole disk of ${root} has (${total}); ` +
          `give a larger one with meta.download.directory`,
        { cause },
      );
    }
    const until = performance.now() + FULL_MS;
    return new UnavailableError(cause.message, {
      who: `The disk of the download folder ${root}`,
      state: "is full",
      cause,
      check: async () => {
        const free = (await this.#files.room())?.free ?? Infinity;
        if (performance.now() < until || free < size) throw new Error("There is no room yet");
      },
    });
  }

  async #remove(folder: string): Promise<void> {
    try {
      await this.#files.remove(folder);
    } catch (error) {
      this.#log.warning("Cannot remove a downloaded file", { folder, reason: reasonOf(error) });
    }
  }
}

/** The end of the key's last segment, so that the extension survives; for people and for libraries that look at it. */
function fileName(key: string): string {
  const last = key.split("/").filter((segment) => segment !== "").at(-1) ?? "";
  let name = last.replaceAll(/[^\p{L}\p{N}._ +@=,-]/gu, "_").replace(/^[.\-\s]+/, "");
  while (new TextEncoder().encode(name).length > NAME_BYTES) name = name.slice(1);
  return name === "" || name === "." || name === ".." ? "object" : name;
}
