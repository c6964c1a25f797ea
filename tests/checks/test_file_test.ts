import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Commands } from "../../tools/process.ts";
import { type FileResult, runTestFile, RUNTIMES, unequalTests } from "../../tools/test_file.ts";
import { EMPTY_REPORT } from "../../tools/test_report.ts";
import { PlantedRepository } from "./planted_repository.ts";

const HEAD = `import { before, describe, it } from "@std/testing/bdd";\n` +
  `import { spawn } from "node:child_process";\nvoid [before, describe, it, spawn];\n`;

const FILES = {
  good: `describe("suite", () => { it("one", () => {}); it("two", { skip: true }, () => {}); });`,
  bad:
    `describe("suite", () => { it("one", () => {}); it("two", () => { throw new Error("no"); }); });`,
  hook:
    `describe("suite", () => { before(() => { throw new Error("no"); }); it("one", () => {}); });`,
  hang: `describe("suite", () => { it("one", () => {});\n` +
    `it("two", () => new Promise(() => setInterval(() => {}, 1000))); });`,
  loop: `describe("suite", () => { it("one", () => {}); it("two", () => { for (;;); }); });`,
  leak: `it("one", () => { spawn("sleep", ["60"], { stdio: "ignore" }).unref(); });`,
  thrown: `it("one", () => {}); if (Date.now() > 0) throw new Error("no"); it("two", () => {});`,
};

describe("runTestFile", () => {
  const commands = new Commands();
  const repository = new PlantedRepository({
    "tests/support/bdd.ts": `export { before, describe, it } from "node:test";\n`,
    ...Object.fromEntries(
      Object.entries(FILES).map(([name, text]) => [`tests/${name}_test.ts`, HEAD + text]),
    ),
  });
  after(() => repository.remove());

  for (const runtime of RUNTIMES) {
    const run = (name: keyof typeof FILES, timeoutMs = 60_000): Promise<FileResult> =>
      runTestFile(runtime, `tests/${name}_test.ts`, { commands, cwd: repository.root, timeoutMs });

    it(`counts what ${runtime} ran`, async () => {
      const { report, problems } = await run("good");
      assert.deepEqual(problems, []);
      assert.deepEqual(report, { passed: ["suite > one"], failed: [], skipped: ["suite > two"] });
    });

    it(`names what failed under ${runtime}`, async () => {
      const { report, problems, output } = await run("bad");
      assert.deepEqual(problems, []);
      assert.deepEqual(report, { passed: ["suite > one"], failed: ["suite > two"], skipped: [] });
      assert.match(output, /no/);
    });

    it(`counts a hook that failed under ${runtime}`, async () => {
      const { report, problems } = await run("hook");
      assert.equal(report.failed.length + problems.length, 1);
    });

    it(`names a test that hangs under ${runtime}`, async () => {
      const { report, problems } = await run("hang", 3000);
      assert.match([...report.failed, ...problems].join("\n"), /suite > two/);
    });

    it(`kills a test that never gives way under ${runtime} and says where`, async () => {
      const { problems } = await run("loop", 3000);
      assert.match(
        problems.join("\n"),
        /did not end within 3 s, killed (while running|after) "suite > /,
      );
    });

    it(`finds and ends a process left behind under ${runtime}`, async () => {
      const { report, problems } = await run("leak");
      assert.deepEqual(report.passed, ["one"]);
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? "", /^left a process running: .*sleep 60$/);
    });
  }

  it("shows by comparison that a file ended early without saying so", async () => {
    const file = "tests/thrown_test.ts";
    const options = { commands, cwd: repository.root, timeoutMs: 60_000 };
    const [deno, bun] = [
      await runTestFile("deno", file, options),
      await runTestFile("bun", file, options),
    ];
    const found = [
      ...deno.problems,
      ...bun.problems,
      ...unequalTests(deno.report, bun.report),
    ];
    assert.ok(found.length > 0);
  });
});

describe("unequalTests", () => {
  it("finds nothing in the same tests with other outcomes", () => {
    const one = { passed: ["a", "b"], failed: [], skipped: ["c"] };
    const other = { passed: ["a"], failed: ["b"], skipped: ["c"] };
    assert.deepEqual(unequalTests(one, other), []);
  });

  it("finds a test that only one ran, and one that it ran twice", () => {
    const one = { ...EMPTY_REPORT, passed: ["a", "a", "b"] };
    const other = { ...EMPTY_REPORT, passed: ["a", "c"] };
    assert.deepEqual(unequalTests(one, other), ["a", "b", "c"]);
  });

  it("takes a suite skipped as a whole for all its tests", () => {
    const one = { ...EMPTY_REPORT, skipped: ["suite"] };
    assert.deepEqual(unequalTests(one, EMPTY_REPORT), []);
    assert.deepEqual(unequalTests(one, { ...EMPTY_REPORT, passed: ["suite > a"] }), []);
  });
});
