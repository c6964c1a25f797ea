import * as kflow from "../../mod.ts";

/** The part of Bun used here; its own types would make Deno fetch Bun. */
interface BunGlobal {
  readonly version: string;
  readonly argv: readonly string[];
  plugin(plugin: { name: string; setup(build: BunBuild): void }): void;
}
interface BunBuild {
  module(name: string, make: () => { exports: Record<string, unknown>; loader: "object" }): void;
}

export function bun(): BunGlobal {
  return (globalThis as unknown as { Bun: BunGlobal }).Bun;
}

/** Makes `kflow` in a user's module this very runtime, wherever the module lies: in this thread, and once in each. */
export function provideKflow(): void {
  bun().plugin({
    name: "kflow",
    setup: (build) => {
      build.module("kflow", () => ({ exports: { ...kflow }, loader: "object" }));
    },
  });
}

/** Loads a module of the user's by absolute path. */
export function loadModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  return import(path);
}
