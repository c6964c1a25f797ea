import type { Files } from "./files/files.ts";

/** Where text goes: a terminal, a pipe or a file. */
export interface TextOutput {
  /**
   * Writes after what was written before, without blocking, and as `printable()` text. False if it was dropped, because the reader is too far behind or gone.
   * @param options.raw Writes the text as it is: colours and movements of the cursor, and what users' functions print.
   */
  write(text: string, options?: { raw: boolean }): boolean;
  /** Resolves when the system has taken all that was written so far. Rejects with `UnavailableError` if it cannot be written any more. */
  drained(): Promise<void>;
  readonly isTerminal: boolean;
  /** Columns of the terminal; 80 if unknown. */
  readonly columns: number;
  /** Lines of the terminal. @default unknown */
  readonly rows?: number;
}

/** A file that is open for reading. The body is read to its end or cancelled. */
export interface OpenedFile {
  /** Bytes. */
  readonly size: number;
  readonly body: ReadableStream<Uint8Array>;
}

/** Tells processes that share a folder from each other. */
export interface Processes {
  /** Names this process, and never another one on any machine; undefined where the system does not tell. */
  readonly own: string | undefined;
  /** Whether the process of such a name lives; undefined if that cannot be known here, as of one on another machine or in another container. */
  isAlive(name: string): boolean | undefined;
}

/** Answers one request. */
export type FetchHandler = (request: Request, info?: PeerInfo) => Promise<Response>;

/** Who sent a request, as Deno tells it. */
export interface PeerInfo {
  readonly remoteAddr: { readonly hostname: string };
}

export interface ServeOptions {
  /** 0 is a free one. */
  port: number;
  /** Address to listen on. @default all of the machine */
  hostname?: string;
  /** Whether bodies of requests are handed on. @default false */
  bodies?: boolean;
  /** Connections at once. One more takes the place of that on which nothing has been asked for the longest time, or is refused. @default 64 */
  connections?: number;
  /** For a request that comes in bits (its headers have 10 s at most), and for the reading of its answer, ms; then the connection is ended. @default 10000 */
  requestMs?: number;
}

/** A port that is listened on. */
export interface Served {
  readonly port: number;
  /** Lets go of the port, and of every connection once what is being answered is sent. Safe to call twice. */
  close(): Promise<void>;
}

/** What a thread says of itself. */
export interface ThreadEvents {
  message(data: unknown): void;
  /** It has ended, or is broken and of no more use. Told at most once, and not after `terminate()`. */
  ended(reason: string): void;
}

/** A Web Worker. */
export interface Thread {
  /** Sends a structured clone. Throws `DataCloneError` if there is none of something in it. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Ends it at once, whatever it does. Safe to call twice. */
  terminate(): void;
}

/** Something that a platform may not permit: to talk to `host:port` or listen there, to use a path, to ask the system for something, to read a variable. */
export interface Permission {
  readonly name: "net" | "read" | "write" | "sys" | "env";
  readonly what: string;
}

/** Port: what a platform supplies. One object per process, made by an adapter. */
export interface Host {
  /** Such as `deno 2.9.6`. */
  readonly platform: string;
  readonly hostname: string;
  readonly processes: Processes;
  /** Whether the platform permits something. @default it permits everything */
  isPermitted?(permission: Permission): boolean;
  /** The folder of kflow itself, where a Worker has to be permitted to read the modules of kflow. */
  readonly ownFolder?: string | undefined;
  env(name: string): string | undefined;
  /** Names of all variables, as far as they may be known. @default none */
  variableNames?(): readonly string[];
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  /** Absolute path of `path`, seen from the folder `from` (default: the current one). */
  resolvePath(path: string, from?: string): string;
  /** The file's text; rejects with an `Error` whose message is the system's code (`ENOENT`, `EISDIR`, `EACCES`) if it cannot be read. */
  readText(path: string): Promise<string>;
  /** Opens a file by any path, links followed; rejects like `readText`, with `EISDIR` for anything that is no file. */
  openFile(path: string): Promise<OpenedFile>;
  /**
   * A writable area. The root is made if it is missing.
   * @param options.below The root, links resolved, must lie strictly below this folder and belong to this user; else `RangeError`.
   */
  files(root: string, options?: { below?: string; create?: boolean }): Promise<Files>;
  /** Loads a module of the user's by absolute path; `import … from "kflow"` inside gives this very runtime. */
  loadModule(path: string): Promise<Readonly<Record<string, unknown>>>;
  /**
   * Starts a Web Worker that serves `src/isolate/worker_side.ts`: it loads a module of the user's, as `loadModule` would, and calls its function. What ends
   * the Worker from inside (an error that nobody caught, `process.exit()`) is told to `events.ended` and ends nothing else.
   */
  startThread(events: ThreadEvents): Thread;
  /** Opens a websocket that sends at once what it is given, where `WebSocket` of the platform does not. Whoever calls it sets its handlers at once. */
  openSocket?(url: string): Promise<WebSocket>;
  /** Sends requests with large bodies, where `fetch` of the platform keeps what it has sent. */
  fetch?(url: string, init?: RequestInit): Promise<Response>;
  /** Listens on a port. Rejects with an `Error` whose message is the system's code (`EADDRINUSE`, `EACCES`) if that cannot be. */
  serve(handler: FetchHandler, options: ServeOptions): Promise<Served>;
  /**
   * Calls `stop` on SIGINT and SIGTERM, each time, and once when standard output cannot be written any more: with SIGPIPE if its reader is gone, else with
   * the system's code. Returns how to take it back.
   */
  onShutdown(stop: (signal: string) => void): () => void;
  /** Ends the process at once, or a moment later if what was printed is still on its way. */
  exit(status: number): void;
}
