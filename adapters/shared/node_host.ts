import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as nodePath from "node:path";
import process from "node:process";
import type { Host } from "../../src/host.ts";
import { variablesIn } from "../../src/settings/variables.ts";
import { waitAtMost } from "../../src/base/time/waiting.ts";
import { openNodeFiles } from "./node/node_files.ts";
import { codeOf } from "./node/node_files_error.ts";
import { openFile } from "./node/open_file.ts";
import { notPermitted } from "./node/not_permitted.ts";
import { processesOfThisMachine } from "./node/processes.ts";
import { decodeText } from "./node/decode_text.ts";
import { QueuedOutput } from "./terminal/queued_output.ts";
import { serveNode } from "./http/node_serve.ts";

/** 128 and the number of SIGPIPE. */
const BROKEN_PIPE_STATUS = 141;

export interface NodeHostOptions {
  /** Such as `deno 2.9.6`. */
  platform: string;
  /** Loads a module by absolute path. */
  loadModule: Host["loadModule"];
  startThread: Host["startThread"];
  isPermitted?: Host["isPermitted"];
  ownFolder?: string;
  /** @default those of the environment */
  variableNames?: Host["variableNames"];
  openSocket?: Host["openSocket"];
  fetch?: Host["fetch"];
  /** Writes without blocking the thread, where `node:process` blocks it. Resolves when the system has taken all of the text. */
  writeText?: (stream: "stdout" | "stderr", text: string) => Promise<void>;
}

export interface NodeHost extends Host {
  /** Whether the process ends because kflow has said so. */
  readonly isLeaving: boolean;
  /** Ends the process once all that was printed has been taken; after a signal it waits no longer than a moment. */
  exitWhenPrinted(status: number): Promise<void>;
}

/** Characters of log lines that wait for a reader. */
const MAX_LOG_WAITING = 1 << 20;
/** After a signal, for what is on its way to a reader that is slow or does not read. */
const LAST_TEXT_MS = 1_000;
/** For log lines that nothing reads, at the end of a command: they must not keep a finished batch from ending. */
const LAST_LOG_MS = 10_000;
/** At the end of a grace, and at a second signal. */
const LAST_LINE_MS = 100;

/** A host made of the `node:` modules that Deno and Bun both have; what differs between the two is handed in. */
export function createNodeHost(options: NodeHostOptions): NodeHost {
  const { writeText = writeToProcess } = options;
  const shutdown = new ShutdownSignals();
  /** The status for output that could not be printed; it overrides that of the command. */
  let brokenStatus: number | undefined;
  const stderr = new QueuedOutput({
    name: "Standard error",
    stream: process.stderr,
    maxWaiting: MAX_LOG_WAITING,
    take: (text) => writeText("stderr", text),
    // Log lines without a reader are not a reason to end.
    broken: () => {},
  });
  const stdout = new QueuedOutput({
    name: "Standard output",
    stream: process.stdout,
    take: (text) => writeText("stdout", text),
    // What was printed is lost, so nothing more may be acknowledged: ends like a program that SIGPIPE ends, but nacks what it holds.
    broken(error) {
      const code = codeOf(error) ?? String(error);
      const isClosed = code === "EPIPE";
      if (!isClosed) stderr.write(`Cannot write to standard output: ${code}\n`);
      brokenStatus = isClosed ? BROKEN_PIPE_STATUS : 1;
      if (!shutdown.tell(isClosed ? "SIGPIPE" : code)) void exitWithin(LAST_LINE_MS, brokenStatus);
    },
  });
  // An error that no listener hears would end the process.
  process.stdout.on("error", (error) => stdout.fail(error));
  process.stderr.on("error", (error) => stderr.fail(error));

  let isLeaving = false;
  async function exitWithin(milliseconds: number, status: number): Promise<void> {
    isLeaving = true;
    await waitAtMost(allPrinted(), milliseconds);
    process.exit(brokenStatus ?? status);
  }

  /** Resolves when all of it is taken, also what the user's code has written; log lines have a limit of time. */
  async function allPrinted(): Promise<void> {
    const ended = (stream: NodeJS.WriteStream) =>
      new Promise<void>((resolve) => stream.end(resolve));
    const log = stderr.drained().then(() => ended(process.stderr), () => {});
    await stdout.drained().then(() => ended(process.stdout), () => {});
    await waitAtMost(log, LAST_LOG_MS);
  }

  return {
    platform: options.platform,
    hostname: os.hostname(),
    processes: processesOfThisMachine(),
    isPermitted: options.isPermitted,
    ownFolder: options.ownFolder,
    env: environment,
    variableNames: options.variableNames ?? (() => Object.keys(process.env)),
    stdout,
    stderr,
    resolvePath: (path, from = process.cwd()) => nodePath.resolve(from, path),
    readText,
    openFile,
    files: openNodeFiles,
    loadModule: options.loadModule,
    startThread: options.startThread,
    openSocket: options.openSocket,
    fetch: options.fetch,
    serve: serveNode,
    onShutdown: (stop) => shutdown.listen(stop),
    exit: (status) => void exitWithin(LAST_LINE_MS, status),
    get isLeaving() {
      return isLeaving;
    },
    async exitWhenPrinted(status) {
      isLeaving = true;
      if (shutdown.signalled) return await exitWithin(LAST_TEXT_MS, status);
      await allPrinted();
      process.exit(brokenStatus ?? status);
    },
  };
}

/** What a process can do without. */
const OPTIONAL_VARIABLES = new Set(["HOSTNAME", "NO_COLOR", "TERM"]);

/** A variable that Deno does not let us read counts as unset where that is no loss; of others a setting would be ignored. */
function environment(name: string): string | undefined {
  try {
    return variablesIn(process.env)(name);
  } catch (error) {
    if (OPTIONAL_VARIABLES.has(name)) return undefined;
    throw error;
  }
}

async function readText(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await fs.readFile(path);
  } catch (error) {
    throw new Error(notPermitted(error) ?? codeOf(error) ?? String(error), { cause: error });
  }
  return decodeText(bytes);
}

/** Told by the stream's callback, once the system has taken the text. */
function writeToProcess(name: "stdout" | "stderr", text: string): Promise<void> {
  return new Promise((resolve, reject) =>
    process[name].write(text, (error) => error ? reject(error) : resolve())
  );
}

/** Signals of the system, and what else asks for the process to be stopped. */
class ShutdownSignals {
  readonly #listeners = new Set<(signal: string) => void>();
  /** Whether there has been one. */
  signalled = false;

  listen(stop: (signal: string) => void): () => void {
    const signals = ["SIGINT", "SIGTERM"] as const;
    const told = (signal: string) => {
      this.signalled = true;
      stop(signal);
    };
    const listeners = signals.map((signal) => () => told(signal));
    signals.forEach((signal, i) => process.on(signal, listeners[i]!));
    this.#listeners.add(told);
    return () => {
      signals.forEach((signal, i) => process.off(signal, listeners[i]!));
      this.#listeners.delete(told);
    };
  }

  /** False if no listener is there. */
  tell(signal: string): boolean {
    for (const told of [...this.#listeners]) told(signal);
    return this.#listeners.size > 0;
  }
}
