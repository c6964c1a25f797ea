/** An object as a listing shows it. */
export interface ObjectInfo {
  /** Its bucket. */
  readonly bucket: string;
  /** Its name in the bucket, as it is: not encoded. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Changes whenever the content does. Opaque, without quotes. */
  readonly etag: string;
  /** When it was last written, ms since 1970 UTC. */
  readonly lastModifiedUnixMilli: number;
}

/** An object with its content. The body is read once, or cancelled: an unread body keeps a connection busy. */
export interface StoredObject extends ObjectInfo {
  /** Its content. */
  readonly body: ReadableStream<Uint8Array>;
  /** Its media type, as far as the store knows it. */
  readonly contentType?: string;
}

/** How to read an object. */
export interface GetOptions {
  /** Ends the call and the body. */
  signal?: AbortSignal;
  /** Only if the object still has this ETag; else `StoreError` of kind `precondition`. */
  ifMatch?: string;
  /** W3C trace context of whatever it is done for: stores that make requests send it along. */
  traceparent?: string;
}

/** How to write an object. */
export interface PutOptions {
  /** Ends the call; nothing is visible then. */
  signal?: AbortSignal;
  /** The object's media type. */
  contentType?: string;
  /** Bytes of a stream body, if known: it picks the way of uploading. */
  size?: number;
  /** W3C trace context of whatever it is done for: stores that make requests send it along. */
  traceparent?: string;
}

/**
 * Why a store refused.
 * `missing-bucket`, `missing-key`, `denied` (permission), `precondition` (the object has changed), `bad-name` (a bucket or key that cannot
 * be addressed safely), `refused` (the server never does what was asked, such as to take so large an object): trying again does not help.
 * `unauthenticated` (credentials that the server does not know or that have expired, a clock that is wrong, a server whose certificate is not trusted): it does not help either until
 * that is fixed. `no-room`: its disk or quota is full. `unavailable`: it may help, and the store has already tried.
 */
export type StoreErrorKind =
  | "missing-bucket"
  | "missing-key"
  | "denied"
  | "unauthenticated"
  | "precondition"
  | "bad-name"
  | "refused"
  | "no-room"
  | "unavailable";

/** Every error of a store. The message names the address, bucket and key and never a password. */
export class StoreError extends Error {
  /** `"StoreError"` */
  override readonly name = "StoreError";
  /** Why, for a program. */
  readonly kind: StoreErrorKind;
  /** The bucket that was asked for. */
  readonly bucket?: string;
  /** The key that was asked for, if the call was about one. */
  readonly key?: string;

  /** Says why: `message` to people, `options` to programs. */
  constructor(
    message: string,
    options: { kind: StoreErrorKind; bucket?: string; key?: string; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.kind = options.kind;
    this.bucket = options.bucket;
    this.key = options.key;
  }

  /** Whether it is said of the store as a whole and not of what was asked: then that can be done once the store is as it was. */
  get isOfStore(): boolean {
    return this.kind === "unavailable" || this.kind === "unauthenticated" ||
      this.kind === "no-room";
  }
}

/**
 * Port: buckets of objects (DESIGN.md 8). Implementations: `memory.ts`, `directory.ts` (a bucket is a folder), `s3.ts`;
 * `tests/contracts/store_contract.ts` runs on all three.
 *
 * Every error is a `StoreError`, except that an abort rejects with the reason of its signal. A body that fails makes the put fail with a
 * `StoreError` whose `cause` is the body's error.
 *
 * Any number of calls may run at once. Memory stays bounded whatever the size of an object or a listing. Bucket and key are data from
 * records: implementations refuse (`bad-name`) whatever could reach another bucket, host or folder: keys with an empty first segment,
 * `.` or `..` segments, NUL, over 1,024 UTF-8 bytes; buckets that are not `[A-Za-z0-9][A-Za-z0-9._-]{1,62}`. A prefix is held to the same
 * rules, except that it may be empty and that its last segment may be the beginning of anything. A store may have no place for further
 * keys (`bad-name`): a directory has none for keys that are no file names.
 */
export interface Store {
  /** What messages call this store: its address without credentials. */
  readonly address: string;
  /** Resolves if the bucket is there and may be listed; else throws `StoreError` saying which and what to do. */
  check(bucket: string, signal?: AbortSignal): Promise<void>;
  /**
   * All objects whose key begins with `prefix`, in pages, sorted by the UTF-8 bytes of the key. Objects that no key can name are left out; then the listing ends with
   * `bad-name` after its last page.
   */
  list(bucket: string, prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo[]>;
  /** The body ends with an error (`StoreError`) if it is shorter or longer than `size`. */
  get(bucket: string, key: string, options?: GetOptions): Promise<StoredObject>;
  /** Replaces the object as a whole: readers see the old or the new one, never a part. On failure nothing remains. A stream body is read once and cancelled on failure. */
  put(
    bucket: string,
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options?: PutOptions,
  ): Promise<{ etag: string }>;
  /** Removing what is not there is no error. */
  delete(bucket: string, key: string, signal?: AbortSignal): Promise<void>;
  /** Lets go of everything. Safe to call twice. */
  close(): Promise<void>;
}
