import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as nodePath from "node:path";
import process from "node:process";
import type { Host, TextOutput } from "../../src/host.ts";
import { openNodeFiles } from "./node_files.ts";
import { codeOf } from "./node_files_error.ts";

export interface NodeHostOptions {
  /** Such as `deno 2.9.6`. */
  platform: string;
  /** Loads a module by absolute path. */
  loadModule: Host["loadModule"];
}

/** A host made of the `node:` modules that Deno and Bun both have; what differs between the two is handed in. */
export function createNodeHost(options: NodeHostOptions): Host {
  return {
    platform: options.platform,
    hostname: os.hostname(),
    env: (name) => process.env[name],
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    resolvePath: (path, from = process.cwd()) => nodePath.resolve(from, path),
    readText,
    files: openNodeFiles,
    loadModule: options.loadModule,
    onShutdown,
    exit: (status) => process.exit(status),
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await fs.readFile(path, "utf8");
  } catch (error) {
    throw new Error(codeOf(error) ?? String(error), { cause: error });
  }
}

function output(stream: NodeJS.WriteStream): TextOutput {
  return {
    write: (text) => void stream.write(text),
    isTerminal: stream.isTTY === true,
    get columns() {
      return stream.columns ?? 80;
    },
  };
}

function onShutdown(stop: (signal: string) => void): () => void {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const listeners = signals.map((signal) => () => stop(signal));
  signals.forEach((signal, i) => process.on(signal, listeners[i]!));
  return () => signals.forEach((signal, i) => process.off(signal, listeners[i]!));
}
