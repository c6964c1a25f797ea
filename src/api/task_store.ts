import type { Store } from "../store/store.ts";

/** How a file is stored. */
export interface UploadOptions {
  /** MIME type of the object. @default that of the store */
  contentType?: string;
  /** Ends the upload; what was sent of it is not kept. */
  signal?: AbortSignal;
  /** W3C trace context of whatever it is done for: stores that make requests send it along. */
  traceparent?: string;
}

/** The store of a task, as its function has it. */
export interface TaskStore extends Store {
  /**
   * Stores a file of this machine as an object, read as a stream: whatever its size, a part of it at most is in memory.
   * @param path Any file that the process may read, such as `ctx.localPath`; a relative one starts at the current folder.
   * @throws {Error} naming the path if it cannot be read or is no file; otherwise as `put` does.
   */
  upload(
    path: string,
    bucket: string,
    key: string,
    options?: UploadOptions,
  ): Promise<{ etag: string }>;
}
