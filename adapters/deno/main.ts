import { dirname } from "node:path";
import process from "node:process";
import { guardExit } from "../shared/cli/guard_exit.ts";
import { runCommandLine } from "../shared/cli/command_line.ts";
import { dialTcp } from "../shared/node/nats_tcp.ts";
import { createNodeHost, type NodeHost } from "../shared/node/node_host.ts";
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
  guardExit(host);
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

/**
 * Deno's `node:net` reports a connection reset on a socket that was destroyed before, when its owner listens no more; without this it would
 * end the process. The NATS client destroys its socket whenever it closes a connection.
 */
function ignoreLateReset(event: ErrorEvent): void {
  const { code, syscall } = (event.error ?? {}) as { code?: unknown; syscall?: unknown };
  if (code === "ECONNRESET" && syscall === "read") event.preventDefault();
}
