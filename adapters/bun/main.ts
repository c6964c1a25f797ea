import { plugin } from "bun";
import * as kflow from "../../mod.ts";
import { runCommandLine } from "../shared/command_line.ts";
import { createNodeHost } from "../shared/node_host.ts";

/** The command line on Bun. A plugin makes `kflow` in a user's module this very runtime, wherever the module lies. */
export async function main(): Promise<void> {
  plugin({
    name: "kflow",
    setup: (build) => {
      build.module("kflow", () => ({ exports: { ...kflow }, loader: "object" }));
    },
  });
  const host = createNodeHost({
    platform: `bun ${Bun.version}`,
    loadModule: (path) => import(path),
  });
  host.exit(await runCommandLine(host, Bun.argv.slice(2)));
}
