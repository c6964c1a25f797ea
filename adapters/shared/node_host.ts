import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as nodePath from "node:path";
import process from "node:process";
import type { Host, TextOutput } from "../../src/host.ts";
import { variablesIn } from "../../src/variables.ts";
import { openNodeFiles } from "./node_files.ts";
import { codeOf } from "./node_files_error.ts";
import { openFile } from "./open_file.ts";
import { processesOfThisMachine } from "./processes.ts";
import { serveNode } from "./node_serve.ts";

/** 128 and the number of SIGPIPE. */
const BROKEN_PIPE_STATUS = 141;

export interface NodeHostOptions {
  /** Such as `deno 2.9.6`. */
  platform: string;
  /** Loads a module by absolute path. */
  loadModule: Host["loadModule"];
  startThread: Host["startThread"];
  openSocket?: Host["openSocket"];
  fetch?: Host["fetch"];
}

export interface NodeHost extends Host {
  /** Ends the process once all that was printed has been taken. `exit` does not wait: on Bun it throws away what a slow reader has not taken yet. */
  exitWhenPrinted(status: number): Promise<never>;
}

/** A host made of the `node:` modules that Deno and Bun both have; what differs between the two is handed in. */
export function createNodeHost(options: NodeHostOptions): NodeHost {
  return {
    platform: options.platform,
    hostname: os.hostname(),
    processes: processesOfThisMachine(),
    env: variablesIn(process.env),
    stdout: output(process.stdout, endWithoutReader),
    // Log lines that nobody takes are no reason to end.
    stderr: output(process.stderr, () => {}),
    resolvePath: (path, from = process.cwd()) => nodePath.resolve(from, path),
    readText,
    openFile,
    files: openNodeFiles,
    loadModule: options.loadModule,
    startThread: options.startThread,
    openSocket: options.openSocket,
    fetch: options.fetch,
    serve: serveNode,
    onShutdown,
    exit: (status) => process.exit(status),
    async exitWhenPrinted(status) {
      for (const stream of [process.stdout, process.stderr]) {
        await new Promise<void>((resolve) => stream.end(resolve));
      }
      process.exit(status);
    },
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await fs.readFile(path, "utf8");
  } catch (error) {
    throw new Error(codeOf(error) ?? String(error), { cause: error });
  }
}

/** What was printed is lost, so nothing more may be acknowledged: ends like a program that SIGPIPE ends. */
function endWithoutReader(error: unknown): never {
  if (codeOf(error) === "EPIPE") process.exit(BROKEN_PIPE_STATUS);
  process.stderr.write(`Cannot write to standard output: ${codeOf(error) ?? String(error)}\n`);
  process.exit(1);
}

/** @param broken Told that a text could not be written: by the stream on Deno, by the call on Bun. */
function output(stream: NodeJS.WriteStream, broken: (error: unknown) => void): TextOutput {
  stream.on("error", broken);
  return {
    write(text) {
      try {
        stream.write(text);
      } catch (error) {
        broken(error);
      }
    },
    isTerminal: stream.isTTY === true,
    get columns() {
      return stream.columns ?? 80;
    },
    get rows() {
      return stream.rows;
    },
  };
}

function onShutdown(stop: (signal: string) => void): () => void {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const listeners = signals.map((signal) => () => stop(signal));
  signals.forEach((signal, i) => process.on(signal, listeners[i]!));
  return () => signals.forEach((signal, i) => process.off(signal, listeners[i]!));
}
