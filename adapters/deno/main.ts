import { dirname } from "node:path";
import process from "node:process";
import { guardProcess } from "../shared/cli/guard_process.ts";
import { runCommandLine } from "../shared/cli/command_line.ts";
import { dialTcp } from "../shared/node/nats_tcp.ts";
import { createNodeHost, type NodeHost } from "../shared/node_host.ts";
import { notPermitted } from "../shared/node/not_permitted.ts";
import type { BasicRuntime } from "../../mod.ts";
import { runFunction as runWith, type RunFunctionOptions } from "../shared/cli/run_function.ts";
import { createLeanFetch } from "./lean_fetch.ts";
import { isPermitted, mayReadAllVariables } from "./is_permitted.ts";
import { loadModule } from "./load_module.ts";
import { startThread } from "./start_thread.ts";
import { writeText } from "./write_text.ts";

export { openFile } from "../shared/node/open_file.ts";
export { temporaryFiles } from "../shared/node/temporary_files.ts";

/** The command line on Deno. `kflow` in a user's module is the import map's, and so this very runtime. */
export async function main(): Promise<void> {
  let host: NodeHost;
  try {
    host = createHost();
  } catch (error) {
    const denied = notPermitted(error);
    if (denied === undefined) throw error;
    console.error(denied);
    process.exit(2);
  }
  guardProcess(host, isLateReset);
  await host.exitWhenPrinted(await runCommandLine(host, process.argv.slice(2)));
}

/** A worker inside a program of the user's. */
export async function runFunction(
  runtime: BasicRuntime,
  options: RunFunctionOptions,
): Promise<void> {
  await runWith(createHost(), runtime, options);
}

/** What a handler uses beside fetch where its pipeline asks for it. */
export function handlerPlatform(): { host: NodeHost; dialTcp: typeof dialTcp } {
  return { host: createHost(), dialTcp };
}

function createHost(): NodeHost {
  globalThis.addEventListener("error", ignoreLateReset);
  return createNodeHost({
    platform: `deno ${process.versions.deno}`,
    loadModule,
    startThread,
    isPermitted,
    variableNames: () => mayReadAllVariables() ? Object.keys(process.env) : [],
    ownFolder: dirname(dirname(import.meta.dirname!)),
    // Loaded when it is needed: a pipeline without a server has no use for it.
    openSocket: async (url) => (await import("./open_socket.ts")).openSocket(url),
    fetch: createLeanFetch(),
    writeText,
  });
}

/** Without this a late reset would end the process. */
function ignoreLateReset(event: ErrorEvent): void {
  if (isLateReset(event.error)) event.preventDefault();
}

/**
 * Tells a connection reset that Deno's `node:net` reports on a socket that was destroyed before, when its owner listens no more. The NATS client destroys its socket
 * whenever it closes a connection.
 */
function isLateReset(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown };
  return code === "ECONNRESET" && syscall === "read";
}
