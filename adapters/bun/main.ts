import * as kflow from "../../mod.ts";
import { runCommandLine } from "../shared/command_line.ts";
import { createNodeHost } from "../shared/node_host.ts";

/** The part of Bun used here; its own types would make Deno fetch Bun. */
interface BunGlobal {
  readonly version: string;
  readonly argv: readonly string[];
  plugin(plugin: { name: string; setup(build: BunBuild): void }): void;
}
interface BunBuild {
  module(name: string, make: () => { exports: Record<string, unknown>; loader: "object" }): void;
}

/** The command line on Bun. A plugin makes `kflow` in a user's module this very runtime, wherever the module lies. */
export async function main(): Promise<void> {
  const bun = (globalThis as unknown as { Bun: BunGlobal }).Bun;
  bun.plugin({
    name: "kflow",
    setup: (build) => {
      build.module("kflow", () => ({ exports: { ...kflow }, loader: "object" }));
    },
  });
  const host = createNodeHost({
    platform: `bun ${bun.version}`,
    loadModule: (path) => import(path),
  });
  await host.exitWhenPrinted(await runCommandLine(host, bun.argv.slice(2)));
}
