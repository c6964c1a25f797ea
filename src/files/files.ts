export interface FileInfo {
  /** Relative to the root, `/` between segments. */
  readonly path: string;
  readonly isDirectory: boolean;
  /** Bytes. */
  readonly size: number;
  readonly modifiedUnixMilli: number;
  /** Changes when the content was replaced: inode, size and modification time in ms, which Deno and Bun both give; a file written anew by `write` has another inode. */
  readonly version: string;
}

export interface DiskRoom {
  readonly free: number;
  readonly total: number;
}

export interface WriteOptions {
  signal?: AbortSignal;
}

/**
 * Why a file or folder could not be used.
 * `missing`: the root is not there and was not to be made. `denied`: the system's permissions. `conflict`: a file stands where a folder is
 * needed, or a folder with files in it where a file is to be written. `bad-name`: longer than the system takes. `no-room`: disk or quota is full.
 * `failed`: anything else.
 */
export type FilesErrorKind = "missing" | "denied" | "conflict" | "bad-name" | "no-room" | "failed";

/** An error of the system under `Files`. The message names the path; a wrong path is a `RangeError` instead. */
export class FilesError extends Error {
  override readonly name = "FilesError";
  readonly kind: FilesErrorKind;
  readonly path: string;
  constructor(message: string, options: { kind: FilesErrorKind; path: string; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.kind = options.kind;
    this.path = options.path;
  }
}

/**
 * Port: a writable area under one root. Paths are relative to the root, with `/`; a path with an empty, `.` or `..` segment or NUL is
 * refused with `RangeError`, and no symbolic link is followed out of the root, nor from one child of the root to another. A missing file or folder reads as `undefined` or as an
 * empty list; so does a folder read as a file, a file listed as a folder, and a symbolic link. Everything else the system refuses is a
 * `FilesError`. An error of a body and the reason of an abort are passed on as they are.
 *
 * Any number of calls may run at once. While a file is being written it has a name of the form of `UNFINISHED_NAME` in the folder it is for;
 * such names are not listed and are refused in paths. `tests/contracts/files_contract.ts` runs on all implementations.
 */
export interface Files {
  /** Absolute path of the root, links resolved; messages and `localPath` are made with it. */
  readonly root: string;
  /** `""` is the root. */
  stat(path: string): Promise<FileInfo | undefined>;
  /**
   * Direct children of a folder (`""` is the root), sorted by the UTF-8 bytes of the name; symbolic links are left out. Names that are not UTF-8 name nothing here:
   * `notText` is given each, with U+FFFD for the bytes that are wrong; without it they are a `FilesError` of kind `bad-name`.
   */
  list(path: string, options?: { notText?: (name: string) => void }): Promise<FileInfo[]>;
  /** The file is open when this resolves: its content stays readable though the name is given to another. Read it to its end or cancel it. */
  read(path: string): Promise<ReadableStream<Uint8Array> | undefined>;
  /**
   * Writes a whole file: folders above are made, private to the user (0700, file 0600); the content goes to a new file that nobody else could have prepared, and gets its
   * name only when it is complete, replacing a file or a folder with no file in it. On failure or abort no file is left. A stream body is
   * read once, and cancelled on failure. Returns the bytes written.
   */
  write(
    path: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options?: WriteOptions,
  ): Promise<number>;
  /**
   * Adds bytes to the end of a file, which is made, private to the user, if it does not exist. One call at a time for each file. A process that ends meanwhile may
   * leave a part of them.
   */
  append(path: string, bytes: Uint8Array): Promise<void>;
  /** Makes a folder and those above it. No error if it is there. */
  makeDirectory(path: string): Promise<void>;
  /** Bytes of the disk below the root, and how many of them a file may still take; undefined where the system does not say. */
  room(): Promise<DiskRoom | undefined>;
  /** Removes a file, or a folder with all that is in it, unfinished files too. No error if it is not there. The root (`""`) is refused with `RangeError`. */
  remove(path: string): Promise<void>;
}
