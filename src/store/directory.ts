import { cancelBody } from "../base/data/body_chunks.ts";
import { reasonOf } from "../base/errors.ts";
import { type FileInfo, type Files, FilesError, type FilesErrorKind } from "../files/files.ts";
import { compareUtf8 } from "../base/text/utf8_order.ts";
import { exactBody } from "./exact_body.ts";
import { checkNames, checkPrefix } from "./object_name.ts";
import { putBody } from "./put_body.ts";
import type {
  GetOptions,
  ObjectInfo,
  PutOptions,
  Store,
  StoredObject,
  StoreErrorKind,
} from "./store.ts";
import { REASONS, type StoreCall, storeError } from "./store_failure.ts";

const PAGE = 1000;
const MAX_SEGMENT_BYTES = 255;
/** How often `get` begins again when the file is replaced while it is being opened. */
const OPENINGS = 5;

const KIND_OF_FILES_ERROR: Readonly<Record<FilesErrorKind, StoreErrorKind>> = {
  missing: "missing-bucket",
  denied: "denied",
  conflict: "bad-name",
  "bad-name": "bad-name",
  "no-room": "no-room",
  failed: "unavailable",
};

export interface DirectoryStoreOptions {
  /** What messages call the store. @default `file://` and the root */
  address?: string;
  /** Whether `put` makes a missing bucket; `check` then has no objection to one. @default false */
  createBuckets?: boolean;
}

/**
 * Objects as files: a bucket is a folder below the root, a key is the path of a file in it under its own name, nothing escaped.
 *
 * Keys that are no file names have no place here (`bad-name`): with an empty segment or a trailing `/`, with a segment of more than 255
 * bytes or of the form that unfinished files have, and a key that is a folder because other keys lie below it (or the other way round).
 * Symbolic links are no objects. Folders that have become empty stay, and give way to an object of their name. Content types are not kept.
 */
export class DirectoryStore implements Store {
  readonly address: string;
  readonly #files: Files;
  readonly #createBuckets: boolean;

  constructor(files: Files, options: DirectoryStoreOptions = {}) {
    this.#files = files;
    this.address = options.address ?? `file://${files.root}`;
    this.#createBuckets = options.createBuckets ?? false;
  }

  async check(bucket: string, signal?: AbortSignal): Promise<void> {
    const call = this.#begin({ action: "check", bucket }, signal);
    await this.#attempt(call, async () => {
      if (this.#createBuckets && !await this.#files.stat(bucket)) return;
      await this.#mustHaveBucket(call);
      // Names that are not UTF-8 do not prevent writing, nor reading others.
      await this.#files.list(bucket, { notText: () => {} });
    });
  }

  async *list(bucket: string, prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo[]> {
    const call = this.#begin({ action: "list", bucket }, signal);
    checkPrefix(call, prefix);
    await this.#attempt(call, () => this.#mustHaveBucket(call));
    const folders = prefix.split("/");
    const start = folders.pop()!;
    if (folders.includes("")) return;
    let page: ObjectInfo[] = [];
    const notText: string[] = [];
    for await (const file of this.#walk(call, [bucket, ...folders].join("/"), { start, notText })) {
      signal?.throwIfAborted();
      page.push(objectOf(bucket, file));
      if (page.length < PAGE) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
    const [one] = notText;
    if (one === undefined) return;
    const reason = `${notText.length} of its names are not UTF-8, such as ${JSON.stringify(one)} ` +
      `(with \ufffd for the bytes that are wrong); rename them`;
    throw storeError(call, { kind: "bad-name", reason });
  }

  async get(bucket: string, key: string, options: GetOptions = {}): Promise<StoredObject> {
    const { signal, ifMatch } = options;
    const call = this.#begin({ action: "get", bucket, key }, signal);
    const path = this.#pathOf(call);
    return await this.#attempt(call, async () => {
      await this.#mustHaveBucket(call);
      const { file, content } = await this.#open(call, path, ifMatch);
      const body = exactBody(content, {
        size: file.size,
        signal,
        wrongSize: (got) => {
          const reason = `the file changed while it was read: ${got} bytes instead of ${file.size}`;
          return storeError(call, { kind: "unavailable", reason });
        },
        failed: (cause) =>
          storeError(call, { kind: "unavailable", reason: reasonOf(cause), cause }),
      });
      return { ...objectOf(bucket, file), body };
    });
  }

  async put(
    bucket: string,
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options: PutOptions = {},
  ): Promise<{ etag: string }> {
    const { signal } = options;
    try {
      const call = this.#begin({ action: "put", bucket, key }, signal);
      const path = this.#pathOf(call);
      return await this.#attempt(call, async () => {
        if (!this.#createBuckets) await this.#mustHaveBucket(call);
        await this.#files.write(path, putBody(call, body, options), { signal })
          .catch((error) => this.#mayFit(call, error, sizeOf(body, options)));
        const file = await this.#files.stat(path);
        return { etag: file?.version ?? "" };
      });
    } catch (error) {
      cancelBody(body, error);
      throw error;
    }
  }

  /** Throws the error, or that the object is larger than the whole disk: then no room will ever do. */
  async #mayFit(call: StoreCall, error: unknown, size: number | undefined): Promise<never> {
    if (!(error instanceof FilesError) || error.kind !== "no-room") throw error;
    const total = (await this.#files.room())?.total ?? Infinity;
    if (size === undefined || size <= total) throw error;
    const reason = `its ${size} bytes are more than the whole disk has (${total})`;
    throw storeError(call, { kind: "refused", reason, cause: error });
  }

  async delete(bucket: string, key: string, signal?: AbortSignal): Promise<void> {
    const call = this.#begin({ action: "delete", bucket, key }, signal);
    const path = this.#pathOf(call);
    await this.#attempt(call, async () => {
      await this.#mustHaveBucket(call);
      const file = await this.#files.stat(path);
      if (file && !file.isDirectory) await this.#files.remove(path);
    });
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  #begin(call: Omit<StoreCall, "address">, signal?: AbortSignal): StoreCall {
    const here = { ...call, address: this.address };
    signal?.throwIfAborted();
    checkNames(here);
    return here;
  }

  #pathOf(call: StoreCall): string {
    const key = call.key ?? "";
    for (const segment of key.split("/")) {
      const size = new TextEncoder().encode(segment).length;
      if (size > 0 && size <= MAX_SEGMENT_BYTES) continue;
      const reason = size === 0
        ? 'a file name cannot end with "/" or have an empty segment'
        : `a segment of a file name has at most ${MAX_SEGMENT_BYTES} bytes, one here has ${size}`;
      throw storeError(call, { kind: "bad-name", reason });
    }
    return `${call.bucket}/${key}`;
  }

  async #mustHaveBucket(call: StoreCall): Promise<void> {
    const folder = await this.#files.stat(call.bucket);
    if (folder?.isDirectory) return;
    const reason = `${this.#files.root} has no folder of that name; create it or correct the name`;
    throw storeError(call, { kind: "missing-bucket", reason });
  }

  /** The file and its content, certain to belong together: the file is the same before and after it was opened. */
  async #open(
    call: StoreCall,
    path: string,
    ifMatch: string | undefined,
  ): Promise<{ file: FileInfo; content: ReadableStream<Uint8Array> }> {
    for (let opening = 0; opening < OPENINGS; opening++) {
      const file = await this.#files.stat(path);
      if (!file || file.isDirectory) break;
      if (ifMatch !== undefined && file.version !== ifMatch) {
        throw storeError(call, { kind: "precondition", reason: REASONS.changed });
      }
      const content = await this.#files.read(path);
      if (content && (await this.#files.stat(path))?.version === file.version) {
        return { file, content };
      }
      await content?.cancel();
      if (opening === OPENINGS - 1) {
        throw storeError(call, { kind: "unavailable", reason: "the file keeps being replaced" });
      }
    }
    throw storeError(call, { kind: "missing-key", reason: REASONS.missingKey });
  }

  /** A folder sorts as the keys in it do, that is with its `/`: `a-b` comes before `a/b`. */
  async *#walk(
    call: StoreCall,
    folder: string,
    { start, notText }: { start: string; notText: string[] },
  ): AsyncGenerator<FileInfo> {
    const found = await this.#attempt(call, () =>
      this.#files.list(folder, {
        notText(name) {
          const known = name.slice(0, name.indexOf("\ufffd"));
          if (known.startsWith(start) || start.startsWith(known)) notText.push(`${folder}/${name}`);
        },
      }));
    const nameAt = folder.length + 1;
    const matching = found.filter((entry) => entry.path.startsWith(start, nameAt));
    matching.sort((a, b) => compareUtf8(sortName(a), sortName(b)));
    for (const entry of matching) {
      if (entry.isDirectory) yield* this.#walk(call, entry.path, { start: "", notText });
      else yield entry;
    }
  }

  async #attempt<T>(call: StoreCall, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (cause) {
      if (cause instanceof FilesError) {
        const kind = KIND_OF_FILES_ERROR[cause.kind];
        throw storeError(call, { kind, reason: cause.message, cause });
      }
      if (cause instanceof RangeError) {
        throw storeError(call, { kind: "bad-name", reason: cause.message, cause });
      }
      throw cause;
    }
  }
}

function sizeOf(
  body: Uint8Array | ReadableStream<Uint8Array>,
  { size }: PutOptions,
): number | undefined {
  return body instanceof Uint8Array ? body.length : size;
}

function sortName(file: FileInfo): string {
  return file.isDirectory ? `${file.path}/` : file.path;
}

function objectOf(bucket: string, file: FileInfo): ObjectInfo {
  return {
    bucket,
    key: file.path.slice(bucket.length + 1),
    size: file.size,
    etag: file.version,
    lastModifiedUnixMilli: file.modifiedUnixMilli,
  };
}
