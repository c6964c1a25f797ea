/** The table of the product document's behaviours, from the top of the repository. */
export const CONFORMANCE_FILE = "docs/internals/conformance.md";
/** Documents that promise something, and name the tests that prove it. */
export const PROVEN_FILES = [
  CONFORMANCE_FILE,
  "SECURITY.md",
  "docs/guarantees.md",
  "docs/internals/reliability.md",
] as const;

/** A test that a row names: `tests/runtime/calls/bulk_test.ts: bulk mode > is off with a warning`. */
export interface NamedTest {
  readonly file: string;
  /** Its suites and its own name, outermost first; empty where all of the file is meant. */
  readonly path: readonly string[];
}

/** One line of a table, or a bullet that names tests. */
export interface ConformanceRow {
  readonly document: string;
  readonly line: number;
  readonly behaviour: string;
  readonly tests: readonly NamedTest[];
}

export interface ConformanceTable {
  readonly rows: readonly ConformanceRow[];
  readonly problems: readonly string[];
}

const CODE = /`([^`]+)`/g;
const TEST = /^(tests\/[\w/]+_test\.ts): (\S.*)$/;
/** A link stands for all tests of the file. */
const LINK = /\]\((?:\.\.\/)*(tests\/[\w/]+_test\.ts)\)/g;
/** The last column of a table whose rows are promises. */
const PROOF = /^(tests|how it is tested)$/;
/** A section in which everything is a promise. */
const PROMISES = /^## What (kflow promises|is promised)$/;

/**
 * Reads a document with promises. A row without a test is a problem in a table whose last column is for tests, and so is a bullet of a section of promises; other bullets
 * and tables may do without.
 * @param document Its path from the top of the repository.
 */
export function readConformance(
  text: string,
  document: string = CONFORMANCE_FILE,
): ConformanceTable {
  const rows: ConformanceRow[] = [];
  const problems: string[] = [];
  /** Of the table that a line belongs to. */
  let header: readonly string[] | undefined;
  let isPromised = false;
  for (const [index, line] of text.split("\n").entries()) {
    if (line.startsWith("## ")) isPromised = PROMISES.test(line);
    const isRow = line.startsWith("|");
    if (!isRow) header = undefined;
    if (!isRow && !line.startsWith("- ")) continue;
    const cells = line.split(" | ").map((cell) => cell.replace(/^\|\s*|\s*\|$/g, ""));
    if (isRow && header === undefined) {
      header = cells;
      continue;
    }
    if (/^\|[-| ]+\|$/.test(line)) continue;
    const place = `${document}:${index + 1}`;
    const needsTest = isRow ? PROOF.test(header!.at(-1)!) : isPromised;
    const behaviour = isRow ? cells[0]! : line.slice(2, 60);
    if (isRow && cells.length !== header!.length) {
      problems.push(`${place}: ${cells.length} cells, not ${header!.join(", ")}`);
      continue;
    }
    const tests = testsIn(line, (problem) => problems.push(`${place}: ${problem}`));
    if (needsTest && tests.length === 0) problems.push(`${place}: "${behaviour}" names no test`);
    if (tests.length > 0) rows.push({ document, line: index + 1, behaviour, tests });
  }
  if (rows.length === 0) problems.push(`${document}: no row that names a test`);
  return { rows, problems };
}

function testsIn(line: string, mistake: (problem: string) => void): NamedTest[] {
  const tests: NamedTest[] = [];
  for (const [, code = ""] of line.matchAll(CODE)) {
    const [, file, name] = code.match(TEST) ?? [];
    if (file !== undefined && name !== undefined) tests.push({ file, path: name.split(" > ") });
    else if (code.includes("_test.ts")) {
      mistake(`"${code}" is not written as "tests/…_test.ts: suite > test"`);
    }
  }
  for (const [, file = ""] of line.matchAll(LINK)) tests.push({ file, path: [] });
  return tests;
}
