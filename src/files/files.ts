export interface FileInfo {
  /** Relative to the root, `/` between segments. */
  readonly path: string;
  readonly isDirectory: boolean;
  /** Bytes. */
  readonly size: number;
  readonly modifiedUnixMilli: number;
  /** Changes when the content was replaced: inode, size and nanosecond modification time where the system has them. */
  readonly version: string;
}

export interface WriteOptions {
  signal?: AbortSignal;
}

/**
 * Port: a writable area under one root. Paths are relative to the root, with `/`; a path with an empty, `.` or `..` segment or NUL is
 * refused with `RangeError`, and no symbolic link is followed out of the root. A missing file or folder reads as `undefined` or as an
 * empty list. `tests/contracts/files_contract.ts` runs on all implementations.
 */
export interface Files {
  /** Absolute path of the root, links resolved; messages and `localPath` are made with it. */
  readonly root: string;
  stat(path: string): Promise<FileInfo | undefined>;
  /** Direct children of a folder (`""` is the root), sorted by the UTF-8 bytes of the name; symbolic links are left out. */
  list(path: string): Promise<FileInfo[]>;
  read(path: string): Promise<ReadableStream<Uint8Array> | undefined>;
  /**
   * Writes a whole file: folders above are made, private to the user (0700, file 0600); the content goes to a new file that nobody else could have prepared, and gets its
   * name only when it is complete. On failure or abort nothing is left. Returns the bytes written.
   */
  write(path: string, body: Uint8Array | ReadableStream<Uint8Array>, options?: WriteOptions): Promise<number>;
  /** Makes a folder and those above it. No error if it is there. */
  makeDirectory(path: string): Promise<void>;
  /** Removes a file, or a folder with all that is in it. No error if it is not there. */
  remove(path: string): Promise<void>;
}
