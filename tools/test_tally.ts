import type { FileResult } from "./test_file.ts";

/** Output of a failed file beyond this is cut in the middle. */
const MOST_CHARACTERS = 20_000;

/** Counts what passed and failed, tells it as it comes, and sums it up in the end. */
export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;
  readonly #say: (line: string) => void;
  readonly #failures: string[] = [];
  readonly #skips = new Map<string, string[]>();
  readonly #reasons: string[] = [];

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** Something that passes if it has no problems. */
  check(name: string, problems: readonly string[], milliseconds: number): void {
    const ok = problems.length === 0;
    this.#say(`  ${ok ? "ok    " : "FAILED"} ${name} (${seconds(milliseconds)})`);
    if (ok) this.passed++;
    else {
      this.failed++;
      this.#failures.push(name);
      for (const problem of problems) this.#say(indented(cut(problem), "         "));
    }
  }

  file(result: FileResult): void {
    const { runtime, file, report, problems, output, milliseconds } = result;
    const { passed, failed, skipped } = report;
    const nothing = passed.length + failed.length + skipped.length + problems.length === 0;
    this.passed += passed.length;
    this.failed += failed.length + problems.length;
    this.skipped += skipped.length;
    for (const name of skipped) {
      const key = `${file}: ${name}`;
      this.#skips.set(key, [...this.#skips.get(key) ?? [], runtime]);
    }
    const bad = failed.length + problems.length > 0;
    const counts = [
      `${passed.length} passed`,
      ...(failed.length > 0 ? [`${failed.length} failed`] : []),
      ...(skipped.length > 0 ? [`${skipped.length} skipped`] : []),
      ...(nothing ? ["no test of it runs here"] : []),
    ];
    this.#say(
      `  ${bad ? "FAILED" : "ok    "} ${file}: ${counts.join(", ")} (${seconds(milliseconds)})`,
    );
    if (!bad) {
      for (const note of notesIn(output)) this.#say(`         ${note}`);
      return;
    }
    this.#say(indented(cut(withoutPasses(output).trim()), "         | "));
    for (const name of failed) this.#failures.push(`${runtime} ${file}: ${name}`);
    for (const problem of problems) {
      this.#say(`         ${problem}`);
      this.#failures.push(`${runtime} ${file}: ${problem}`);
    }
  }

  /** Why tests are going to be skipped. */
  skipReason(reason: string): void {
    this.#say(`  SKIPPING: ${reason}`);
    this.#reasons.push(reason);
  }

  /** Failures, skips and, as the last line, the counts. */
  close(): void {
    if (this.#skips.size > 0 || this.#reasons.length > 0) {
      this.#say("\nSKIPPED");
      for (const reason of this.#reasons) this.#say(indented(reason, "  because: "));
      for (const [name, runtimes] of this.#skips) this.#say(`  ${name} (${runtimes.join(", ")})`);
    }
    if (this.#failures.length > 0) {
      this.#say("\nFAILED");
      for (const failure of this.#failures) this.#say(`  ${failure}`);
    }
    const skipped = this.skipped > 0 ? `, ${this.skipped} skipped` : "";
    this.#say(`\n${this.passed} passed, ${this.failed} failed${skipped}`);
  }
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
