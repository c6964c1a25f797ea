import process from "node:process";
import { pathToFileURL } from "node:url";
import { runCommandLine } from "../shared/command_line.ts";
import { createNodeHost } from "../shared/node_host.ts";

/** The command line on Deno. `kflow` in a user's module is the import map's, and so this very runtime. */
export async function main(): Promise<void> {
  const host = createNodeHost({
    platform: `deno ${process.versions.deno}`,
    loadModule: (path) => import(pathToFileURL(path).href),
  });
  await host.exitWhenPrinted(await runCommandLine(host, process.argv.slice(2)));
}
