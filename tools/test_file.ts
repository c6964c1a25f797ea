import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Commands } from "./process.ts";
import { readRecord, RECORD_VARIABLE, type RunRecord } from "./secret_search.ts";
import {
  EMPTY_REPORT,
  type FileReport,
  readJunit,
  readTimes,
  unfinishedTest,
} from "./test_report.ts";

export const RUNTIMES = ["deno", "bun"] as const;
export type Runtime = typeof RUNTIMES[number];

export interface FileResult {
  readonly runtime: Runtime;
  readonly file: string;
  readonly report: FileReport;
  /** What went wrong beside failed tests; each counts as one failure. */
  readonly problems: readonly string[];
  readonly output: string;
  readonly record: RunRecord;
  /** Of each test, ms. */
  readonly times: ReadonlyMap<string, number>;
  readonly milliseconds: number;
}

export interface FileOptions {
  commands: Commands;
  cwd: string;
  /** For the whole file, ms. */
  timeoutMs: number;
  env?: Readonly<Record<string, string>>;
}

/** Runs one test file in a process of its own. */
export async function runTestFile(
  runtime: Runtime,
  file: string,
  options: FileOptions,
): Promise<FileResult> {
  const { commands, cwd, timeoutMs, env } = options;
  const folder = await mkdtemp(join(tmpdir(), "kflow-test-"));
  try {
    const junit = join(folder, "junit.xml");
    const args = runtime === "deno"
      // With the packages of node_modules: those that only tests need are in no lock file of Deno's.
      ? [
        ...["test", "-A", "--no-check", "--no-lock", "--node-modules-dir=manual"],
        ...[`--junit-path=${junit}`, file],
      ]
      // Bun's own limit for each test is 5 s; with this one it still names the test that hangs.
      : [
        "test",
        `--timeout=${Math.floor(timeoutMs * 0.8)}`,
        "--reporter=junit",
        `--reporter-outfile=${junit}`,
        `./${file}`,
      ];
    const result = await commands.run(runtime, args, {
      cwd,
      timeoutMs,
      env: { ...env, NO_COLOR: "1", [RECORD_VARIABLE]: folder },
    });
    const xml = await readFile(junit, "utf8").catch(() => undefined);
    const report = xml === undefined ? EMPTY_REPORT : readJunit(xml);
    return {
      runtime,
      file,
      report,
      problems: problemsOf(report, result, timeoutMs),
      output: result.output,
      record: await readRecord(folder),
      times: readTimes(xml ?? ""),
      milliseconds: result.milliseconds,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function problemsOf(
  report: FileReport,
  result: {
    status: number;
    timedOut: boolean;
    output: string;
    leftBehind: readonly string[];
  },
  timeoutMs: number,
): string[] {
  const { status, timedOut, output, leftBehind } = result;
  const problems = leftBehind.map((command) => `left a process running: ${command}`);
  if (timedOut) {
    problems.push(`did not end within ${timeoutMs / 1000} s, killed ${unfinishedTest(output)}`);
  } else if (status !== 0 && report.failed.length === 0) {
    problems.push(`ended with status ${status} although no test failed (see its output)`);
  }
  return problems;
}

/**
 * Tests that only one runtime ran. It shows what neither says of itself: under Deno a file that throws after its first
 * `describe` ends well without the rest, and a suite without tests passes.
 */
export function unequalTests(one: FileReport, other: FileReport): string[] {
  const names = (report: FileReport) => [...report.passed, ...report.failed, ...report.skipped];
  // A suite skipped as a whole: Deno names the suite alone, Bun names nothing.
  const skippedSuites = [...one.skipped, ...other.skipped];
  const explained = (name: string) =>
    skippedSuites.some((suite) => name === suite || name.startsWith(`${suite} > `));
  const missing = (from: FileReport, to: FileReport) => {
    const left = new Map<string, number>();
    for (const name of names(to)) left.set(name, (left.get(name) ?? 0) + 1);
    return names(from).filter((name) => {
      const count = left.get(name) ?? 0;
      left.set(name, count - 1);
      return count <= 0 && !explained(name);
    });
  };
  return [...missing(one, other), ...missing(other, one)];
}
