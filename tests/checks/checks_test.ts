import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { CHECKS, runCheck } from "../../tools/checks.ts";
import { Commands } from "../../tools/process.ts";
import { PlantedRepository } from "./planted_repository.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
process.env.PATH = `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH}`;

/** One violation for each check: the file to plant, and what the check must say of it. */
const VIOLATIONS: Readonly<
  Record<string, readonly { file: string; text: string; says: RegExp }[]>
> = {
  "format: deno fmt": [
    { file: "src/ugly.ts", text: "export const  x=1\n", says: /ugly\.ts/ },
  ],
  "lint: deno lint": [
    { file: "src/lint.ts", text: "export var x = 1;\n", says: /no-var/ },
    {
      file: "src/vague.ts",
      text: "export function f(x: any): unknown {\n  return x;\n}\n",
      says: /no-explicit-any/,
    },
  ],
  "types: deno check": [
    { file: "src/wrong.ts", text: `export const x: number = "1";\n`, says: /TS2322/ },
    { file: "tests/wrong_test.ts", text: `export const x: number = "1";\n`, says: /TS2322/ },
  ],
  "types: tsc, as Bun sees it": [
    {
      file: "adapters/bun/wrong.ts",
      text: `export const x: number = Bun.version;\n`,
      says: /TS2322/,
    },
  ],
  "types: tsc, src/ with ES and DOM only": [
    { file: "src/platform.ts", text: `export const x = Deno.pid;\n`, says: /TS2304|TS2868/ },
    {
      file: "src/platform.ts",
      text: `export const x = Bun.version;\n`,
      says: /TS2304|TS2867|TS2868/,
    },
    {
      file: "src/platform.ts",
      text: `export const x = process.pid;\n`,
      says: /TS2304|TS2580|TS2591/,
    },
    {
      file: "src/platform.ts",
      text: `import { pid } from "node:process";\n\nexport const x = pid;\n`,
      says: /TS2307|TS2591/,
    },
  ],
  "promises: oxlint, none forgotten": [
    {
      file: "src/forgotten.ts",
      text:
        `async function later(): Promise<void> {}\n\nexport function now(): void {\n  later();\n}\n`,
      says: /no-floating-promises/,
    },
    {
      file: "adapters/deno/forgotten.ts",
      text: `export function now(): void {\n  fetch("http://localhost").then(() => {});\n}\n`,
      says: /no-floating-promises/,
    },
    {
      file: "src/misused.ts",
      text:
        `async function later(): Promise<boolean> {\n  return await Promise.resolve(true);\n}\n\n` +
        `export function now(): number {\n  return later() ? 1 : 2;\n}\n`,
      says: /no-misused-promises/,
    },
    {
      file: "tests/forgotten_test.ts",
      text:
        `import { it } from "node:test";\n\nit("forgets", async () => {\n  fetch("http://localhost");\n});\n`,
      says: /no-floating-promises/,
    },
  ],
  "documentation: deno doc, every export and member of mod.ts": [
    {
      file: "src/base/two.ts",
      text: "export function two(): number {\n  return 2;\n}\n",
      says: /missing-jsdoc[^]*src\/base\/two\.ts:1/,
    },
  ],
  "imports: directions, and one door per dependency": [
    {
      file: "src/broker/broker.ts",
      text: `import "../runtime/worker/worker_loop.ts";\n`,
      says: /broker\.ts:1: imports "src\/runtime\/worker\/worker_loop\.ts": imports go down only/,
    },
  ],
  "text: names, lengths, any, module state": [
    { file: "src/broker/utils.ts", text: "export const x = 1;\n", says: /utils\.ts: a name/ },
  ],
  "proof: every promise names tests that are there": [
    {
      file: "SECURITY.md",
      text: "## What kflow promises\n\n- It is none.\n",
      says: /SECURITY\.md:3: "It is none\." names no test/,
    },
    {
      file: "docs/internals/reliability.md",
      text: "| fault | tests |\n| --- | --- |\n| One | [two_test.ts](../../tests/two_test.ts) |\n",
      says: /reliability\.md:3: "One" names tests\/two_test\.ts, which is not there/,
    },
    {
      file: "docs/internals/conformance.md",
      text:
        "| what | how | tests |\n| --- | --- | --- |\n| One | so | `tests/one_test.ts: is two` |\n",
      says: /conformance\.md:3: "One" names "is two", which tests\/one_test\.ts does not have/,
    },
  ],
  "links: of documents lead to what is there": [
    {
      file: "docs/run/page.md",
      text: "# Page\n\n[One](../gone.md)\n",
      says: /docs\/run\/page\.md:3: \(\.\.\/gone\.md\) leads nowhere: no "docs\/gone\.md"/,
    },
    {
      file: "README.md",
      text: "# Page\n\n[One](SECURITY.md#one), [two](#two)\n\n## One\n",
      says: /README\.md:3: \(SECURITY\.md#one\) leads to no heading of "SECURITY\.md"[^]*\(#two\)/,
    },
  ],
  "integrity: every locked package has one": [
    {
      file: "package-lock.json",
      text: '{ "packages": { "": {}, "node_modules/a": { "version": "1.0.0" } } }\n',
      says: /package-lock\.json: node_modules\/a has no integrity/,
    },
  ],
  "versions: deno.json, package.json and lock files agree": [
    { file: "deno.json", text: `{ "version": "9.9.9" }\n`, says: /version 9\.9\.9/ },
  ],
};

describe("Every check", () => {
  const commands = new Commands();
  const clean = new PlantedRepository();
  after(() => clean.remove());

  it("has a planted violation here", () => {
    assert.deepEqual(CHECKS.map(({ name }) => name).sort(), Object.keys(VIOLATIONS).sort());
  });

  for (const check of CHECKS) {
    it(`"${check.name}" finds nothing in a clean repository`, async () => {
      const { problems } = await runCheck(check, { root: clean.root, commands });
      assert.deepEqual(problems, []);
    });

    for (const { file, text, says } of VIOLATIONS[check.name] ?? []) {
      it(`"${check.name}" finds ${JSON.stringify(text.slice(0, 40))} in ${file}`, async () => {
        const planted = new PlantedRepository({ [file]: text });
        try {
          const { problems } = await runCheck(check, { root: planted.root, commands });
          assert.match(problems.join("\n"), says);
        } finally {
          planted.remove();
        }
      });
    }
  }
});
