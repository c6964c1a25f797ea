import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readTestOptions } from "../../tools/test_options.ts";
import { Tally } from "../../tools/test_tally.ts";

function closing(fill: (tally: Tally) => void): string[] {
  const lines: string[] = [];
  const tally = new Tally((line) => lines.push(...line.split("\n")));
  fill(tally);
  tally.close();
  return lines;
}

const file = {
  runtime: "deno",
  file: "tests/a_test.ts",
  output: "",
  record: { secrets: [], logged: "", stored: "" },
  times: new Map<string, number>(),
  milliseconds: 1,
} as const;

describe("Tally", () => {
  it("ends with the counts of checks and tests alone on a line", () => {
    const lines = closing((tally) => {
      tally.check("format", [], 1);
      tally.check("lint", ["x"], 1);
      tally.file({
        ...file,
        report: { passed: ["a", "b"], failed: ["c"], skipped: [] },
        problems: [],
      });
    });
    assert.equal(lines.at(-1), "3 passed, 2 failed");
  });

  it("appends what was skipped, and names it with the reason", () => {
    const lines = closing((tally) => {
      tally.skipReason("no minio");
      tally.file({ ...file, report: { passed: ["a"], failed: [], skipped: ["b"] }, problems: [] });
    });
    assert.equal(lines.at(-1), "1 passed, 0 failed, 1 skipped");
    assert.ok(lines.includes("  because: no minio"));
    assert.ok(lines.includes("  tests/a_test.ts: b (deno)"));
  });

  it("counts each problem of a file as a failure and shows its output without what passed", () => {
    const lines = closing((tally) => {
      const output = "a ... ok (1ms)\n(pass) b [1ms]\nthe reason\n";
      const report = { passed: ["a"], failed: [], skipped: [] };
      tally.file({ ...file, report, problems: ["did not end"], output });
    });
    assert.equal(lines.at(-1), "1 passed, 1 failed");
    assert.ok(lines.includes("         | the reason"));
    assert.ok(lines.includes("  deno tests/a_test.ts: did not end"));
    assert.ok(!lines.join("\n").includes("(pass)"));
  });

  it("shows the notes of a file that passes, and nothing else of its output", () => {
    const lines = closing((tally) => {
      const output = "------- output -------\nnote: seed 7\n----- output end -----\n";
      const report = { passed: ["a"], failed: [], skipped: [] };
      tally.file({ ...file, report, problems: [], output });
    });
    assert.deepEqual(lines.slice(1), ["         seed 7", "", "1 passed, 0 failed"]);
  });
});

describe("readTestOptions", () => {
  it("runs everything on both runtimes unless told", () => {
    assert.deepEqual(readTestOptions([]), {
      runtimes: ["deno", "bun"],
      filters: [],
      jobs: 4,
      checks: true,
    });
  });

  it("runs only the files asked for, without the checks", () => {
    assert.deepEqual(readTestOptions(["--only", "bun", "--filter", "broker/", "store"]), {
      runtimes: ["bun"],
      filters: ["broker/", "store"],
      jobs: 4,
      checks: false,
    });
  });

  for (const args of [["--only", "node"], ["--jobs", "0"], ["--unknown"]]) {
    it(`refuses ${args.join(" ")}`, () => assert.throws(() => readTestOptions(args), TypeError));
  }
});
