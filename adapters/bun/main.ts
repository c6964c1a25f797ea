import type { BasicRuntime } from "../../mod.ts";
import { guardProcess } from "../shared/cli/guard_process.ts";
import { runCommandLine } from "../shared/cli/command_line.ts";
import { dialTcp } from "../shared/node/nats_tcp.ts";
import { createNodeHost, type NodeHost } from "../shared/node_host.ts";
import { runFunction as runWith, type RunFunctionOptions } from "../shared/cli/run_function.ts";
import { bun, loadModule, provideKflow } from "./load_module.ts";
import { startThread } from "./start_thread.ts";

export { openFile } from "../shared/node/open_file.ts";
export { temporaryFiles } from "../shared/node/temporary_files.ts";

/** The command line on Bun. */
export async function main(): Promise<void> {
  provideKflow();
  const host = createHost();
  guardProcess(host);
  await host.exitWhenPrinted(await runCommandLine(host, bun().argv.slice(2)));
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
  provideKflow();
  return { host: createHost(), dialTcp };
}

function createHost(): NodeHost {
  return createNodeHost({ platform: `bun ${bun().version}`, loadModule, startThread });
}
