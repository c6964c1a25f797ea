import { join } from "node:path";
import { readFile } from "node:fs/promises";
import { checkConformance } from "./check_conformance.ts";
import { checkImports } from "./check_imports.ts";
import { checkIntegrity } from "./check_integrity.ts";
import { checkLinks } from "./check_links.ts";
import { checkText } from "./check_text.ts";
import { checkVersions } from "./check_versions.ts";
import { readMarkdown } from "./markdown_files.ts";
import { PROVEN_FILES } from "./read_conformance.ts";
import type { Commands } from "./process.ts";
import { readSources } from "./sources.ts";

export interface CheckContext {
  /** Folder of the repository. */
  root: string;
  commands: Commands;
}

export interface Check {
  readonly name: string;
  /** What is wrong; empty if nothing is. */
  run(context: CheckContext): Promise<readonly string[]>;
}

const COMMAND_LIMIT_MS = 300_000;

/** Everything that is checked beside the tests: `npm run check`, and the first part of `npm test`. */
export const CHECKS: readonly Check[] = [
  command("format: deno fmt", "deno", ["fmt", "--check"]),
  command("lint: deno lint", "deno", ["lint"]),
  // With the packages of node_modules, since without them Deno asks the registry about every development tool.
  command("types: deno check", "deno", [
    "check",
    "--node-modules-dir=manual",
    "--frozen",
    ".",
  ]),
  command("types: tsc, as Bun sees it", "tsc", ["-p", "tsconfig.json"]),
  command("types: tsc, src/ with ES and DOM only", "tsc", ["-p", "tsconfig.src.json"]),
  command("promises: oxlint, none forgotten", "oxlint", [
    "--type-aware",
    "--deny-warnings",
    "--no-error-on-unmatched-pattern",
    "mod.ts",
    "src",
    "adapters",
    "tools",
    "bench",
    "examples",
    "tests",
  ]),
  command("documentation: deno doc, every export and member of mod.ts", "deno", [
    "doc",
    "-q",
    "--lint",
    "--no-npm",
    "--no-remote",
    "--no-lock",
    "mod.ts",
  ]),
  {
    name: "imports: directions, and one door per dependency",
    run: async ({ root }) => checkImports(await readSources(root)),
  },
  {
    name: "text: names, lengths, any, module state",
    run: async ({ root }) => checkText(await readSources(root)),
  },
  {
    name: "proof: every promise names tests that are there",
    run: async ({ root }) => {
      const sources = await readSources(root);
      const texts = PROVEN_FILES.map(async (document) =>
        checkConformance(await readFile(join(root, document), "utf8"), sources, document)
      );
      return (await Promise.all(texts)).flat();
    },
  },
  {
    name: "links: of documents lead to what is there",
    run: async ({ root }) => checkLinks(await readMarkdown(root), root),
  },
  {
    name: "integrity: every locked package has one",
    run: async ({ root }) =>
      checkIntegrity({
        packageLock: await readFile(join(root, "package-lock.json"), "utf8"),
        denoLock: await readFile(join(root, "deno.lock"), "utf8"),
      }),
  },
  {
    name: "versions: deno.json, package.json and lock files agree",
    run: async ({ root }) => {
      const read = (name: string) => readFile(join(root, name), "utf8");
      return checkVersions({
        denoJson: await read("deno.json"),
        packageJson: await read("package.json"),
        packageLock: await read("package-lock.json"),
        denoLock: await read("deno.lock"),
      });
    },
  },
];

function command(name: string, program: string, args: readonly string[]): Check {
  return {
    name,
    async run({ root, commands }) {
      const result = await commands.run(program, args, {
        cwd: root,
        timeoutMs: COMMAND_LIMIT_MS,
        env: { NO_COLOR: "1" },
      });
      if (result.timedOut) return [`no end after ${COMMAND_LIMIT_MS / 1000} s\n${result.output}`];
      return result.status === 0 ? [] : [result.output.trim() || `status ${result.status}`];
    },
  };
}

/** Runs one check; an error in it is a problem like any other. */
export async function runCheck(
  check: Check,
  context: CheckContext,
): Promise<{ problems: readonly string[]; milliseconds: number }> {
  const started = performance.now();
  const problems = await check.run(context).catch((error: unknown) => [`Cannot check: ${error}`]);
  return { problems, milliseconds: performance.now() - started };
}
