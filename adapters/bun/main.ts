import * as kflow from "../../mod.ts";
import { runCommandLine } from "../shared/command_line.ts";
import { createNodeHost, type NodeHost } from "../shared/node_host.ts";
import { runFunction as runWith, type RunFunctionOptions } from "../shared/run_function.ts";

export { temporaryFiles } from "../shared/temporary_files.ts";

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
  const bun = bunGlobal();
  bun.plugin({
    name: "kflow",
    setup: (build) => {
      build.module("kflow", () => ({ exports: { ...kflow }, loader: "object" }));
    },
  });
  const host = createHost(bun);
  await host.exitWhenPrinted(await runCommandLine(host, bun.argv.slice(2)));
}

/** A worker inside a program of the user's. */
export async function runFunction(
  runtime: kflow.BasicRuntime,
  options: RunFunctionOptions,
): Promise<void> {
  await runWith(createHost(bunGlobal()), runtime, options);
}

function bunGlobal(): BunGlobal {
  return (globalThis as unknown as { Bun: BunGlobal }).Bun;
}

function createHost(bun: BunGlobal): NodeHost {
  return createNodeHost({ platform: `bun ${bun.version}`, loadModule: (path) => import(path) });
}
