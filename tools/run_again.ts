import type { FileResult } from "./test_file.ts";
import { hasFailed, type Tally } from "./test_tally.ts";

export interface RunAgainOptions {
  readonly tally: Tally;
  readonly say: (line: string) => void;
  /** For all of the files together, ms. What has not run by then stays failed. */
  readonly limitMs: number;
  run(failed: FileResult, timeoutMs: number): Promise<FileResult>;
}

/**
 * Runs each file that failed once more, one at a time, so that nothing else on the machine takes its time or its ports.
 * Returns the new results.
 */
export async function runAgain(
  results: readonly FileResult[],
  { tally, say, limitMs, run }: RunAgainOptions,
): Promise<FileResult[]> {
  const failed = results.filter(hasFailed);
  if (failed.length === 0) return [];
  say(`\n== again, alone: ${failed.length} failed`);
  const deadline = performance.now() + limitMs;
  const second: FileResult[] = [];
  for (const first of failed) {
    const left = Math.ceil(deadline - performance.now());
    if (left <= 0) {
      say(
        `  ${failed.length - second.length} are not run again: ${
          limitMs / 60_000
        } minutes are over`,
      );
      break;
    }
    const result = await run(first, left);
    tally.again(result);
    second.push(result);
  }
  return second;
}
