import type { FileResult } from "./test_file.ts";

/** Output of a failed file beyond this is cut in the middle. */
const MOST_CHARACTERS = 20_000;

/** Counts what passed and failed, prints it as it comes, and sums it up in the end. */
export class Tally {
  readonly #say: (line: string) => void;
  readonly #checks = new Map<string, boolean>();
  /** The last result of each file on each runtime. */
  readonly #files = new Map<string, FileResult>();
  /** First results of files that passed when they ran again. */
  readonly #flaky: FileResult[] = [];
  readonly #reasons: string[] = [];

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  get passed(): number {
    const checks = [...this.#checks.values()].filter((ok) => ok).length;
    return this.#sum(({ report }) => report.passed.length) + checks;
  }

  get failed(): number {
    const checks = [...this.#checks.values()].filter((ok) => !ok).length;
    return this.#sum(({ report, problems }) => report.failed.length + problems.length) + checks;
  }

  get skipped(): number {
    return this.#sum(({ report }) => report.skipped.length);
  }

  /** Something that passes if it has no problems. */
  check(name: string, problems: readonly string[], milliseconds: number): void {
    const ok = problems.length === 0;
    this.#say(`  ${ok ? "ok    " : "FAILED"} ${name} (${seconds(milliseconds)})`);
    this.#checks.set(name, ok);
    for (const problem of problems) this.#say(indented(cut(problem), "         "));
  }

  /** What a test file gave. */
  file(result: FileResult): void {
    this.#files.set(nameOf(result), result);
    this.#sayResult(result, result.file);
  }

  /** What a test file gave that had failed before: if it passes now, it counts as flaky and no more as failed. */
  again(result: FileResult): void {
    const first = this.#files.get(nameOf(result));
    this.#files.set(nameOf(result), result);
    this.#sayResult(result, nameOf(result));
    if (first === undefined || hasFailed(result)) return;
    this.#flaky.push(first);
    this.#say(`  FLAKY  ${nameOf(first)}: it failed, and passed alone; its first output:`);
    this.#sayFailure(first);
  }

  #sayResult(result: FileResult, name: string): void {
    const { report: { passed, failed, skipped }, problems, output, milliseconds } = result;
    const nothing = passed.length + failed.length + skipped.length + problems.length === 0;
    const counts = [
      `${passed.length} passed`,
      ...(failed.length > 0 ? [`${failed.length} failed`] : []),
      ...(skipped.length > 0 ? [`${skipped.length} skipped`] : []),
      ...(nothing ? ["no test of it runs here"] : []),
    ];
    const word = hasFailed(result) ? "FAILED" : "ok    ";
    this.#say(`  ${word} ${name}: ${counts.join(", ")} (${seconds(milliseconds)})`);
    if (hasFailed(result)) this.#sayFailure(result);
    else for (const note of notesIn(output)) this.#say(`         ${note}`);
  }

  #sayFailure({ output, problems }: FileResult): void {
    this.#say(indented(cut(withoutPasses(output).trim()), "         | "));
    for (const problem of problems) this.#say(`         ${problem}`);
  }

  #sum(count: (result: FileResult) => number): number {
    return [...this.#files.values()].reduce((sum, result) => sum + count(result), 0);
  }

  #failures(): string[] {
    const checks = [...this.#checks].flatMap(([name, ok]) => ok ? [] : [name]);
    const files = [...this.#files.values()].flatMap((result) =>
      [...result.report.failed, ...result.problems].map((what) => `${nameOf(result)}: ${what}`)
    );
    return [...checks, ...files];
  }

  /** Skipped tests with the runtimes that skipped them. */
  #skips(): Map<string, string[]> {
    const skips = new Map<string, string[]>();
    for (const { runtime, file, report } of this.#files.values()) {
      for (const name of report.skipped) {
        const key = `${file}: ${name}`;
        skips.set(key, [...skips.get(key) ?? [], runtime]);
      }
    }
    return skips;
  }

  /** Why tests are going to be skipped. */
  skipReason(reason: string): void {
    this.#say(`  SKIPPING: ${reason}`);
    this.#reasons.push(reason);
  }

  /** Skips, failures, flaky files and, as the last line, the counts. */
  close(): void {
    const skips = this.#skips();
    if (skips.size > 0 || this.#reasons.length > 0) {
      this.#say("\nSKIPPED");
      for (const reason of this.#reasons) this.#say(indented(reason, "  because: "));
      for (const [name, runtimes] of skips) this.#say(`  ${name} (${runtimes.join(", ")})`);
    }
    const failures = this.#failures();
    if (failures.length > 0) {
      this.#say("\nFAILED");
      for (const failure of failures) this.#say(`  ${failure}`);
    }
    if (this.#flaky.length > 0) {
      this.#say("\nFLAKY");
      for (const { report, problems, ...result } of this.#flaky) {
        const what = [...report.failed, ...problems].join(", ");
        this.#say(`  ${nameOf(result)}: ${what}`);
      }
      this.#say(`${this.#flaky.length} flaky: a bug that is looked into next`);
    }
    const skipped = this.skipped > 0 ? `, ${this.skipped} skipped` : "";
    this.#say(`\n${this.passed} passed, ${this.failed} failed${skipped}`);
  }
}

/** Whether something in it failed. */
export function hasFailed({ report, problems }: FileResult): boolean {
  return report.failed.length + problems.length > 0;
}

function nameOf({ runtime, file }: Pick<FileResult, "runtime" | "file">): string {
  return `${runtime} ${file}`;
}

/** What tests tell of themselves also when they pass. */
function notesIn(output: string): string[] {
  return [...output.matchAll(/^note: (.+)$/gm)].map(([, note]) => note!);
}

/** The lines that do not just say that a test passed or was skipped. */
function withoutPasses(output: string): string {
  return output.split("\n")
    .filter((line) =>
      !/ \.\.\. (ok|ignored) \(|^\((pass|skip|todo)\) |^Stack backtrace:|^ +0: <unknown>/.test(line)
    )
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n");
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function indented(text: string, by: string): string {
  return text.split("\n").map((line) => by + line).join("\n");
}

function cut(text: string): string {
  if (text.length <= MOST_CHARACTERS) return text;
  const half = MOST_CHARACTERS / 2;
  return `${text.slice(0, half)}\n… ${text.length - MOST_CHARACTERS} characters left out …\n${
    text.slice(-half)
  }`;
}
