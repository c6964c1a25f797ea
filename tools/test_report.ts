/** What one runtime said about one test file. */
export interface FileReport {
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

export const EMPTY_REPORT: FileReport = { passed: [], failed: [], skipped: [] };

interface Case {
  readonly path: readonly string[];
  readonly milliseconds: number;
  failed: boolean;
  skipped: boolean;
}

/**
 * Reads the JUnit files of `deno test` and `bun test` alike: one entry per `it`, named `suite > inner > test`.
 *
 * Deno lists suites among the tests and joins names with " > "; Bun nests `<testsuite>` elements, the outermost being the file.
 * A suite counts only when it failed by itself (a hook) or was skipped as a whole.
 */
export function readJunit(xml: string): FileReport {
  const cases = casesIn(xml);
  const suites = new Set<string>();
  for (const { path } of cases) {
    for (let depth = 1; depth < path.length; depth++) suites.add(nameOf(path.slice(0, depth)));
  }
  const failedBelow = new Set<string>();
  for (const { path, failed } of cases) {
    if (!failed || suites.has(nameOf(path))) continue;
    for (let depth = 1; depth < path.length; depth++) failedBelow.add(nameOf(path.slice(0, depth)));
  }
  const report = { passed: [] as string[], failed: [] as string[], skipped: [] as string[] };
  for (const { path, failed, skipped } of cases) {
    const name = nameOf(path);
    if (suites.has(name) && (!failed || failedBelow.has(name))) continue;
    report[failed ? "failed" : skipped ? "skipped" : "passed"].push(name);
  }
  return report;
}

/** How long each test of such a file took, ms. */
export function readTimes(xml: string): Map<string, number> {
  return new Map(casesIn(xml).map(({ path, milliseconds }) => [nameOf(path), milliseconds]));
}

function casesIn(xml: string): Case[] {
  return xml.includes('name="deno test"') ? denoCases(xml) : bunCases(xml);
}

function nameOf(path: readonly string[]): string {
  return path.join(" > ");
}

const TAG = /<(\/?)(testsuite|testcase|failure|error|skipped)\b((?:[^>"]|"[^"]*")*?)(\/?)>/g;

interface Tag {
  readonly name: string;
  readonly opens: boolean;
  readonly closes: boolean;
  readonly attributes: string;
}

function* tags(xml: string): Iterable<Tag> {
  for (const [, end = "", name = "", attributes = "", empty = ""] of xml.matchAll(TAG)) {
    yield { name, opens: end === "", closes: end !== "" || empty !== "", attributes };
  }
}

function denoCases(xml: string): Case[] {
  return readCases(xml, (attributes) => attribute(attributes, "name").split(" > "));
}

function bunCases(xml: string): Case[] {
  return readCases(
    xml,
    (attributes, suites) => [...suites.slice(1), attribute(attributes, "name")],
  );
}

function readCases(
  xml: string,
  pathOf: (attributes: string, suites: readonly string[]) => string[],
): Case[] {
  const cases: Case[] = [];
  const suites: string[] = [];
  let current: Case | undefined;
  for (const { name, opens, closes, attributes } of tags(xml)) {
    if (name === "testsuite") {
      if (opens) suites.push(attribute(attributes, "name"));
      if (closes) suites.pop();
    } else if (name === "testcase") {
      if (opens) {
        const milliseconds = Number(attribute(attributes, "time")) * 1000;
        const path = pathOf(attributes, suites);
        current = { path, milliseconds, failed: false, skipped: false };
        cases.push(current);
      }
      if (closes) current = undefined;
    } else if (opens && current) {
      if (name === "skipped") current.skipped = true;
      else current.failed = true;
    }
  }
  return cases;
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  amp: "&",
  quot: '"',
  apos: "'",
};

function attribute(attributes: string, name: string): string {
  const value = attributes.match(new RegExp(`(?:^|\\s)${name}="([^"]*)"`))?.[1] ?? "";
  return value.replaceAll(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hex, word) => {
    if (decimal) return String.fromCodePoint(Number(decimal));
    if (hex) return String.fromCodePoint(parseInt(hex, 16));
    return ENTITIES[word] ?? whole;
  });
}

/**
 * The test that was running when the output ended. `deno test` prints a name and " ..." when it begins and the result when it ends;
 * `bun test` prints only at the end, so there the last finished one is all that is known.
 */
export function unfinishedTest(output: string): string {
  const open: { indentation: number; name: string }[] = [];
  let lastDone: string | undefined;
  for (const line of output.split("\n")) {
    const [, spaces = "", name, result] = line.match(/^(\s*)(.+?) \.\.\.( .*)?$/) ?? [];
    if (name !== undefined) {
      while (open.length > 0 && (open.at(-1)?.indentation ?? 0) >= spaces.length) open.pop();
      if (!result) open.push({ indentation: spaces.length, name });
    }
    lastDone = line.match(/^\((?:pass|fail|skip|todo)\) (.*?)(?: \[[\d.]+m?s\])?$/)?.[1] ??
      lastDone;
  }
  if (open.length > 0) return `while running "${open.map(({ name }) => name).join(" > ")}"`;
  return lastDone ? `after "${lastDone}"` : "before its first test ended";
}
