import * as kflow from "../../mod.ts";
import { checkModuleText } from "../shared/modules/check_module_text.ts";
import { moduleMistake, type ModulePlace } from "../shared/modules/module_mistake.ts";

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

/** What Bun throws for a module that it cannot parse: one of these, or an AggregateError of several. */
interface BuildMessage extends Error {
  readonly position: ModulePlace | null;
}

/** Loads a module of the user's by absolute path. */
export async function loadModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  await checkModuleText(path);
  try {
    return await import(path);
  } catch (error) {
    throw placed(error);
  }
}

/** Puts the place into the message, where Bun has it in a field of its own. */
function placed(error: unknown): unknown {
  const messages = error instanceof AggregateError ? error.errors : [error];
  const [first] = messages.filter(isBuildMessage);
  if (first === undefined) return error;
  const more = messages.length > 1 ? ` (and ${messages.length - 1} more)` : "";
  return moduleMistake(first.position, first.message + more);
}

function isBuildMessage(error: unknown): error is BuildMessage & { position: ModulePlace } {
  return error instanceof Error && error.name === "BuildMessage" &&
    Boolean((error as BuildMessage).position);
}
