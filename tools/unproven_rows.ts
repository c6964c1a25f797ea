import type { ConformanceRow, NamedTest } from "./read_conformance.ts";
import type { Runtime } from "./test_file.ts";
import { EMPTY_REPORT, type FileReport } from "./test_report.ts";

/** What `onBothBrokers` of the tests adds to the name of a suite. */
const BROKERS = [", on the embedded broker", ", on a NATS server"] as const;

/**
 * Rows of documents of promises with a test that did not pass: on a runtime, or on one of the two brokers where its suite is run on both.
 *
 * @param reports What each runtime said, by test file.
 */
export function unprovenRows(
  rows: readonly ConformanceRow[],
  reports: ReadonlyMap<Runtime, ReadonlyMap<string, FileReport>>,
): string[] {
  return rows.flatMap(({ document, line, behaviour, tests }) =>
    tests.flatMap((test) =>
      [...reports].flatMap(([runtime, files]) =>
        notPassed(test, files.get(test.file) ?? EMPTY_REPORT).map((what) =>
          `${document}:${line}: "${behaviour}" is not proven on ${runtime}: ${test.file}: ${what}`
        )
      )
    )
  );
}

function notPassed({ path }: NamedTest, report: FileReport): string[] {
  if (path.length === 0) return wholeFileProblems(report);
  const name = path.join(" > ");
  if (report.passed.includes(name)) return [];
  const [suite, ...rest] = path;
  const variants = BROKERS.map((broker) => [suite + broker, ...rest].join(" > "));
  const known = [...report.passed, ...report.failed, ...report.skipped];
  // A suite that was skipped as a whole may be all that a report says of it.
  const onBoth = variants.some((variant) =>
    known.some((test) => test === variant || variant.startsWith(`${test} > `))
  );
  return (onBoth ? variants : [name])
    .filter((each) => !report.passed.includes(each))
    .map((each) => `"${each}" ${fate(each, report)}`);
}

/** Of a file of which a run may leave out some tests. */
function wholeFileProblems({ passed, failed }: FileReport): string[] {
  if (failed.length > 0) return failed.map((name) => `"${name}" failed`);
  return passed.length > 0 ? [] : ["no test of it passed"];
}

function fate(name: string, { failed, skipped }: FileReport): string {
  const among = (names: readonly string[]) =>
    names.some((each) => each === name || name.startsWith(`${each} > `));
  return among(failed) ? "failed" : among(skipped) ? "was skipped" : "did not run";
}
