import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { checkText } from "../../tools/check_text.ts";
import { toSource } from "../../tools/sources.ts";

function verdict(path: string, text: string): string {
  return checkText([toSource(path, text)]).join("\n");
}

const REFUSED: readonly [what: string, path: string, text: string, says: RegExp][] = [
  ["a parameter of type any", "src/a.ts", "function f(x: any) {}", /a\.ts:1: any/],
  ["a cast to any", "tests/a_test.ts", "\nf(x as any);", /a_test\.ts:2: any/],
  ["any as a type argument", "tools/a.ts", "const m = new Map<string, any>();", /any/],
  ["any in a union", "src/a.ts", "let f: () => string | any;", /any/],
  ["module state", "src/a.ts", "let count = 0;", /module state/],
  ["exported module state", "adapters/deno/a.ts", "export let count = 0;", /module state/],
  [
    "a private modifier",
    "src/a.ts",
    "class A {\n  private x = 1;\n}",
    /a\.ts:2: TypeScript visibility/,
  ],
  [
    "a bound of milliseconds in a test",
    "tests/a_test.ts",
    "assert.ok(performance.now() - started < 3_000);",
    /a_test\.ts:1: a test that judges speed/,
  ],
  ["a bound of time by a variable", "tests/a_test.ts", "assert.ok(took < LIMIT_MS);", /speed/],
  [
    "everything of a module as exports",
    "mod.ts",
    `export * from "./src/app/app.ts";`,
    /names each/,
  ],
  ["a default export of the module", "mod.ts", "export default 1;", /names each/],
  ["401 lines", "src/a.ts", "x;\n".repeat(401), /401 lines/],
  ["601 lines of tests", "tests/a_test.ts", "x;\n".repeat(601), /601 lines/],
  ["a file of utilities", "src/broker/utils.ts", "", /says nothing/],
  ["a file of types", "src/types.ts", "", /says nothing/],
  ["a name with capitals", "src/memoryBroker.ts", "", /snake_case/],
  ["a name with a dash", "tests/memory-test.ts", "", /snake_case/],
];

const ALLOWED: readonly [what: string, path: string, text: string][] = [
  ["400 lines", "src/a.ts", "x;\n".repeat(400)],
  [
    "the word any in text and comments",
    "src/a.ts",
    `// as any\nconst x = "f(x: any)"; /* : any */`,
  ],
  ["a parameter that is named any", "src/a.ts", "f({ any: 1 });"],
  ["the least that a wait may take", "tests/a_test.ts", "assert.ok(took >= 380);"],
  ["a variable inside a function", "src/a.ts", "function f() {\n  let x = 1;\n}"],
  ["module state of a test", "tests/a_test.ts", "let count = 0;"],
  [
    "named exports",
    "mod.ts",
    `export { x } from "./src/x.ts";\nexport type { Y } from "./src/y.ts";`,
  ],
  ["a name with digits", "src/store/s3/url.ts", ""],
];

describe("checkText", () => {
  for (const [what, path, text, says] of REFUSED) {
    it(`refuses ${what}`, () => assert.match(verdict(path, text), says));
  }
  for (const [what, path, text] of ALLOWED) {
    it(`allows ${what}`, () => assert.equal(verdict(path, text), ""));
  }

  it("refuses 16 files in one folder of src, and allows 15 with others below it", () => {
    const files = (count: number, folder: string) =>
      Array.from({ length: count }, (_, i) => toSource(`${folder}/f${i}.ts`, "x;\n"));
    assert.match(checkText(files(16, "src/store")).join(), /^src\/store: 16 files; at 15/);
    const nested = [...files(15, "src/store"), ...files(15, "src/store/s3"), ...files(16, "tests")];
    assert.deepEqual(checkText(nested), []);
  });
});
