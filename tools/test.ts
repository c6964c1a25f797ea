import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { CHECKS, runCheck } from "./checks.ts";
import { PROVEN_FILES, readConformance } from "./read_conformance.ts";
import { Commands } from "./process.ts";
import { SERVER_NAMES } from "./server_binaries.ts";
import { SecretSearch } from "./secret_search.ts";
import { prepareServers } from "./servers.ts";
import { type FileResult, runTestFile, type Runtime, RUNTIMES, unequalTests } from "./test_file.ts";
import { readTestOptions, TEST_USAGE, type TestOptions } from "./test_options.ts";
import { runAgain } from "./run_again.ts";
import { Tally } from "./test_tally.ts";
import { unprovenRows } from "./unproven_rows.ts";
import { runWeighed } from "./run_weighed.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** `npm run test:faults` takes its time. */
const IS_LONG = process.env.KFLOW_TEST_FAULTS === "all";
const FILE_LIMIT_MS = IS_LONG ? 30 * 60_000 : 240_000;
const RUNTIME_LIMIT_MS = IS_LONG ? 40 * 60_000 : 25 * 60_000;
/** For all files that failed, together. */
const AGAIN_LIMIT_MS = IS_LONG ? 30 * 60_000 : 10 * 60_000;
/** It takes all of the machine: it runs after the others. */
const ALONE = /\/attacked_ports_test\.ts$/;
/** They have servers and many workers of their own. */
const HEAVY = /^tests\/faults\//;

const say = (line: string) => console.log(line);

function testFiles(filters: readonly string[]): string[] {
  return ["tests", "examples"]
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
        .map((file) => join(folder, file).replaceAll("\\", "/"))
    )
    .filter((file) => file.endsWith("_test.ts"))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort();
}

async function runChecks(tally: Tally, commands: Commands): Promise<void> {
  say("\n== checks");
  for (const check of CHECKS) {
    const { problems, milliseconds } = await runCheck(check, { root: ROOT, commands });
    tally.check(check.name, problems, milliseconds);
  }
}

/** npm may have been told to run no scripts; then Bun's program is not in its place yet. */
async function runInstallScript(tally: Tally, commands: Commands): Promise<void> {
  const version = () => commands.run("bun", ["--version"], { cwd: ROOT, timeoutMs: 20_000 });
  if ((await version()).status === 0) return;
  await commands.run("node", ["install.js"], {
    cwd: join(ROOT, "node_modules", "bun"),
    timeoutMs: 120_000,
  });
  const { status, output } = await version();
  tally.check("bun starts", status === 0 ? [] : [`${output}\nType "npm ci" first`], 0);
}

/** True if all servers are there. */
async function runServers(tally: Tally, commands: Commands): Promise<boolean> {
  say("\n== servers");
  let complete = true;
  for (const { name, path, problem } of await prepareServers(SERVER_NAMES, { commands, say })) {
    if (problem === undefined) {
      say(`  ${name}: ${path}`);
      continue;
    }
    complete = false;
    if (process.env.CI === "true") tally.check(`server ${name}`, [problem], 0);
    else tally.skipReason(problem);
  }
  return complete;
}

/** Runs the files, `jobs` at once, until all are done or the runtime's time is over. */
async function runFiles(
  runtime: Runtime,
  files: readonly string[],
  { tally, commands, jobs }: { tally: Tally; commands: Commands; jobs: number },
): Promise<Map<string, FileResult>> {
  say(`\n== ${runtime}: ${files.length} files`);
  const results = new Map<string, FileResult>();
  const deadline = performance.now() + RUNTIME_LIMIT_MS;
  async function run(file: string): Promise<void> {
    const left = deadline - performance.now();
    if (left <= 0) {
      tally.check(`${runtime} ${file}`, [
        `not run: ${RUNTIME_LIMIT_MS / 60_000} minutes are over`,
      ], 0);
      return;
    }
    const timeoutMs = Math.min(FILE_LIMIT_MS, Math.ceil(left));
    const result = await runTestFile(runtime, file, { commands, cwd: ROOT, timeoutMs });
    results.set(file, result);
    tally.file(result);
  }
  const weigh = (file: string) => ALONE.test(file) ? jobs : HEAVY.test(file) ? 2 : 1;
  const last = (file: string) => ALONE.test(file) ? 1 : 0;
  await runWeighed(files.toSorted((a, b) => last(a) - last(b)), { room: jobs, weigh, run });
  return results;
}

function compareRuntimes(tally: Tally, [one, other]: readonly Map<string, FileResult>[]): void {
  if (!one || !other) return;
  const problems = [...one].flatMap(([file, result]) => {
    const counterpart = other.get(file);
    if (!counterpart || result.problems.length > 0 || counterpart.problems.length > 0) return [];
    return unequalTests(result.report, counterpart.report)
      .map((name) =>
        `${file}: only one runtime ran "${name}"; did the file end early on the other?`
      );
  });
  say("");
  tally.check("both runtimes ran the same tests", problems, 0);
}

/** @param whole Whether all test files have run. */
function searchSecrets(
  tally: Tally,
  results: readonly FileResult[],
  { whole, servers }: { whole: boolean; servers: boolean },
): void {
  const started = performance.now();
  const search = new SecretSearch();
  for (const result of results) {
    search.add(`${result.runtime} ${result.file}`, result);
  }
  const problems = search.problems({ whole, servers });
  tally.check("no secret in what the run logged and stored", problems, performance.now() - started);
}

/** The second half of the check of promises: what they name has to have passed everywhere. */
function checkRows(
  tally: Tally,
  results: ReadonlyMap<Runtime, ReadonlyMap<string, FileResult>>,
): void {
  const reports = new Map([...results].map(([runtime, files]) => [
    runtime,
    new Map([...files].map(([file, { report }]) => [file, report])),
  ]));
  const rows = PROVEN_FILES.flatMap((document) =>
    readConformance(readFileSync(join(ROOT, document), "utf8"), document).rows
  );
  tally.check("proof: every named test passed", unprovenRows(rows, reports), 0);
}

async function runAll(options: TestOptions, commands: Commands): Promise<Tally> {
  const tally = new Tally(say);
  const files = testFiles(options.filters);
  if (files.length === 0) {
    tally.check("test files", [`no file matches ${options.filters.join(", ")}`], 0);
  }
  if (options.checks) await runChecks(tally, commands);
  const hasServers = await runServers(tally, commands);
  if (options.runtimes.includes("bun")) await runInstallScript(tally, commands);
  const results = new Map<Runtime, Map<string, FileResult>>();
  for (const runtime of options.runtimes) {
    const { jobs } = options;
    results.set(runtime, await runFiles(runtime, files, { tally, commands, jobs }));
  }
  const first = [...results.values()].flatMap((each) => [...each.values()]);
  const second = await runAgain(first, {
    tally,
    say,
    limitMs: AGAIN_LIMIT_MS,
    run({ runtime, file }, leftMs) {
      const timeoutMs = Math.min(FILE_LIMIT_MS, leftMs);
      return runTestFile(runtime, file, { commands, cwd: ROOT, timeoutMs });
    },
  });
  for (const result of second) results.get(result.runtime)?.set(result.file, result);
  compareRuntimes(tally, [...results.values()]);
  const isWhole = options.filters.length === 0 && options.runtimes.length === RUNTIMES.length;
  if (isWhole && hasServers) checkRows(tally, results);
  else if (isWhole) {
    tally.skipReason(`${PROVEN_FILES.join(", ")} are not checked without all servers`);
  }
  searchSecrets(tally, [...first, ...second], {
    whole: options.filters.length === 0,
    servers: hasServers,
  });
  return tally;
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.includes("--help") || args.includes("-h")) {
    say(TEST_USAGE);
    return 0;
  }
  let options: TestOptions;
  try {
    options = readTestOptions(args);
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\n${TEST_USAGE}`);
    return 2;
  }
  // The programs of node_modules come first even without npm.
  process.env.PATH = `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH}`;
  const commands = new Commands();
  commands.endWithSignals();
  const tally = await runAll(options, commands);
  tally.close();
  return tally.failed === 0 ? 0 : 1;
}

process.exit(await main());
