import { runCommandLine } from "../shared/command_line.ts";
import { createNodeHost } from "../shared/node_host.ts";
import { bun, loadModule, provideKflow } from "./load_module.ts";
import { startThread } from "./start_thread.ts";

/** The command line on Bun. */
export async function main(): Promise<void> {
  provideKflow();
  const host = createNodeHost({ platform: `bun ${bun().version}`, loadModule, startThread });
  await host.exitWhenPrinted(await runCommandLine(host, bun().argv.slice(2)));
}
