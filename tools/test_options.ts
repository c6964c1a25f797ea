import { parseArgs } from "node:util";
import { type Runtime, RUNTIMES } from "./test_file.ts";

export interface TestOptions {
  readonly runtimes: readonly Runtime[];
  /** Parts of paths; a file is run if its path holds one of them. Empty: all files. */
  readonly filters: readonly string[];
  /** Files run at once. */
  readonly jobs: number;
  readonly checks: boolean;
}

export const TEST_USAGE = `npm test -- [options] [part of a path…]
  --only deno|bun   one runtime
  --filter TEXT     only test files whose path holds TEXT; may be repeated; leaves the checks out
  --jobs N          test files at once (4): most of their time they wait; one of the faults counts for two
  --no-checks       leave the checks out`;

/** @throws {TypeError} on an unknown or wrong option. */
export function readTestOptions(args: readonly string[]): TestOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      only: { type: "string" },
      filter: { type: "string", multiple: true },
      jobs: { type: "string", default: "4" },
      "no-checks": { type: "boolean" },
    },
  });
  const runtimes = RUNTIMES.filter((runtime) =>
    values.only === undefined || runtime === values.only
  );
  if (runtimes.length === 0) throw new TypeError(`Unknown runtime "${values.only}": deno or bun`);
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1) {
    throw new TypeError(`Wrong number of jobs "${values.jobs}": 1 or more`);
  }
  const filters = [...values.filter ?? [], ...positionals];
  return { runtimes, filters, jobs, checks: !values["no-checks"] && filters.length === 0 };
}
