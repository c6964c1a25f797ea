import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readTestOptions } from "../../tools/test_options.ts";
import { runAgain } from "../../tools/run_again.ts";
import type { FileResult } from "../../tools/test_file.ts";
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

describe("runAgain", () => {
  const good = { ...file, report: { passed: ["a", "b"], failed: [], skipped: [] }, problems: [] };
  const bad = {
    ...file,
    report: { passed: ["a"], failed: ["b"], skipped: [] },
    problems: ["left a process running: x"],
    output: "the reason\n",
  };

  async function run(first: readonly FileResult[], second: FileResult, limitMs = 60_000) {
    const lines: string[] = [];
    const say = (line: string) => void lines.push(...line.split("\n"));
    const tally = new Tally(say);
    for (const result of first) tally.file(result);
    const again: string[] = [];
    await runAgain(first, {
      tally,
      say,
      limitMs,
      run({ runtime, file }) {
        again.push(`${runtime} ${file}`);
        return Promise.resolve(second);
      },
    });
    tally.close();
    return { lines, again, failed: tally.failed };
  }

  it("prints a file that passes the second time as flaky, with its first output, and does not count it as failed", async () => {
    const { lines, again, failed } = await run([bad], good);
    assert.deepEqual(again, ["deno tests/a_test.ts"]);
    assert.equal(failed, 0);
    assert.equal(lines.at(-1), "2 passed, 0 failed");
    const at = lines.indexOf(
      "  FLAKY  deno tests/a_test.ts: it failed, and passed alone; its first output:",
    );
    assert.deepEqual(lines.slice(at + 1, at + 3), [
      "         | the reason",
      "         left a process running: x",
    ]);
    assert.ok(lines.includes("1 flaky: a bug that is looked into next"));
    assert.ok(lines.includes("  deno tests/a_test.ts: b, left a process running: x"));
    assert.ok(!lines.includes("FAILED"));
  });

  it("counts a file that fails twice as failed, once", async () => {
    const { lines, failed } = await run([bad], bad);
    assert.equal(failed, 2);
    assert.equal(lines.at(-1), "1 passed, 2 failed");
    assert.ok(lines.includes("  deno tests/a_test.ts: b"));
    assert.doesNotMatch(lines.join("\n"), /flaky/i);
  });

  it("runs only what failed, on the runtime on which it failed", async () => {
    const onBun = { ...bad, runtime: "bun" } as const;
    const { again } = await run([good, onBun], { ...good, runtime: "bun" });
    assert.deepEqual(again, ["bun tests/a_test.ts"]);
  });

  it("leaves what it has no time for as failed", async () => {
    const { lines, again, failed } = await run([bad], good, 0);
    assert.deepEqual(again, []);
    assert.equal(failed, 2);
    assert.ok(lines.includes("  1 are not run again: 0 minutes are over"));
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
