/** Where the table is, from the top of the repository. */
export const CONFORMANCE_FILE = "docs/conformance.md";

/** A test that a row names: `tests/runtime/bulk_test.ts: bulk mode > is off with a warning`. */
export interface NamedTest {
  readonly file: string;
  /** Its suites and its own name, outermost first. */
  readonly path: readonly string[];
}

/** One line of the table, or a bullet of the last section that names tests. */
export interface ConformanceRow {
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

/** Reads docs/conformance.md. A row of a table without a test is a problem; a bullet may do without. */
export function readConformance(text: string): ConformanceTable {
  const rows: ConformanceRow[] = [];
  const problems: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const isRow = line.startsWith("|");
    if (!isRow && !line.startsWith("- ")) continue;
    if (/^\|[-| ]+\|$/.test(line) || line.startsWith("| behaviour |")) continue;
    const place = `${CONFORMANCE_FILE}:${index + 1}`;
    const cells = line.split(" | ");
    const behaviour = isRow ? cells[0]!.replace(/^\|\s*/, "") : line.slice(2, 60);
    if (isRow && cells.length !== 3) {
      problems.push(`${place}: ${cells.length} cells, not behaviour, how and tests`);
      continue;
    }
    const tests: NamedTest[] = [];
    for (const [, code = ""] of line.matchAll(CODE)) {
      const [, file, name] = code.match(TEST) ?? [];
      if (file !== undefined && name !== undefined) tests.push({ file, path: name.split(" > ") });
      else if (code.includes("_test.ts")) {
        problems.push(`${place}: "${code}" is not written as "tests/…_test.ts: suite > test"`);
      }
    }
    if (isRow && tests.length === 0) problems.push(`${place}: "${behaviour}" names no test`);
    if (tests.length > 0) rows.push({ line: index + 1, behaviour, tests });
  }
  if (rows.length === 0) problems.push(`${CONFORMANCE_FILE}: no row that names a test`);
  return { rows, problems };
}
