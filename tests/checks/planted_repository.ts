import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CONFIGURATION = [
  ".oxlintrc.json",
  "deno.json",
  "deno.lock",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "tsconfig.src.json",
];

/** Files in which no check finds anything; a test adds its violation. */
const CLEAN: Readonly<Record<string, string>> = {
  "mod.ts": `export { two } from "./src/base/two.ts";\n`,
  "src/base/two.ts": `/** Two. */\nexport function two(): number {\n  return 2;\n}\n`,
  "adapters/deno/main.ts":
    `import { two } from "../../mod.ts";\n\nexport const four = two() + two();\n`,
  "tools/one.ts": `export const ONE = 1;\n`,
  "tests/one_test.ts":
    `import { it } from "node:test";\n\nit("is a promise that the test runner awaits", () => {});\n`,
  "docs/internals/conformance.md":
    "- It is one. `tests/one_test.ts: is a promise that the test runner awaits`\n",
  "docs/guarantees.md": "- [It is](../tests/one_test.ts).\n",
  "docs/internals/reliability.md": "- [It is](../../tests/one_test.ts).\n",
  "SECURITY.md": "- [It is](tests/one_test.ts).\n",
};

/** A small repository with this one's configuration, in a folder of its own. */
export class PlantedRepository {
  readonly root = mkdtempSync(join(tmpdir(), "kflow-planted-"));

  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const name of CONFIGURATION) cpSync(join(ROOT, name), join(this.root, name));
    symlinkSync(join(ROOT, "node_modules"), join(this.root, "node_modules"));
    for (const [path, text] of Object.entries({ ...CLEAN, ...files })) this.write(path, text);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
