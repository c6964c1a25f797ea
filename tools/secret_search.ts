import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** Names the folder in which a test process leaves its record. Commands that tests start do not get it. */
export const RECORD_VARIABLE = "KFLOW_TEST_RECORD";
/** In that folder: one secret a line, and all that was logged without being printed. */
export const SECRETS_FILE = "secrets.txt";
export const LOGGED_FILE = "logged.txt";

const MOST_CHARACTERS = 300;
const MOST_LINES = 20;

/** What a test process has left beside its own output. */
export interface RunRecord {
  /** Passwords and tokens that its tests have made. */
  readonly secrets: readonly string[];
  /** What the commands of its tests printed and what their flows logged. */
  readonly logged: string;
}

/** The record in a folder; empty if there is none. */
export async function readRecord(folder: string): Promise<RunRecord> {
  const read = (name: string) => readFile(join(folder, name), "utf8").catch(() => "");
  const secrets = (await read(SECRETS_FILE)).split("\n").filter((line) => line !== "");
  return { secrets, logged: await read(LOGGED_FILE) };
}

/** Looks for every secret of a test run in everything that the run logged or printed, whichever test it came of. */
export class SecretSearch {
  readonly #secrets = new Set<string>();
  readonly #texts: { from: string; printed: string; logged: string }[] = [];

  /** @param from Names the test file to people. */
  add(from: string, { output, record }: { output: string; record: RunRecord }): void {
    for (const secret of record.secrets) this.#secrets.add(secret);
    this.#texts.push({ from, printed: output, logged: record.logged });
  }

  /**
   * Lines with a secret, which is masked.
   * @param whole Whether all tests have run: then a search without secrets, or in nothing, has gone wrong.
   */
  problems({ whole }: { whole: boolean }): string[] {
    const problems: string[] = [];
    if (whole && this.#secrets.size === 0) problems.push("no test has registered a secret");
    for (const kind of ["printed", "logged"] as const) {
      const isEmpty = this.#texts.every((each) => each[kind] === "");
      if (whole && isEmpty) problems.push(`nothing was searched: no test has ${kind} anything`);
    }
    const hits = this.#texts.flatMap(({ from, printed, logged }) =>
      [...this.#hits(printed), ...this.#hits(logged)].map((line) => `${from}: ${line}`)
    );
    if (hits.length <= MOST_LINES) return [...problems, ...hits];
    return [...problems, ...hits.slice(0, MOST_LINES), `… ${hits.length} lines in all`];
  }

  #hits(text: string): string[] {
    const found = [...this.#secrets].filter((secret) => text.includes(secret));
    if (found.length === 0) return [];
    return text.split("\n").filter((line) => found.some((secret) => line.includes(secret)))
      .map((line) => found.reduce((masked, secret) => masked.replaceAll(secret, "***"), line))
      .map((line) => line.trim().slice(0, MOST_CHARACTERS));
  }
}
