import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { secretForms } from "./secret_forms.ts";

/** Names the folder in which a test process leaves its record. Commands that tests start do not get it. */
export const RECORD_VARIABLE = "KFLOW_TEST_RECORD";
/** In that folder: one secret a line, and all that was logged without being printed. */
export const SECRETS_FILE = "secrets.txt";
export const LOGGED_FILE = "logged.txt";
/** In that folder: what the streams of its NATS servers held at the end. */
export const STORED_FILE = "stored.txt";

const MOST_CHARACTERS = 300;
const MOST_LINES = 20;
/** Characters by which a form is looked up. */
const START = 6;

/** What a test process has left beside its own output. */
export interface RunRecord {
  /** Passwords and tokens that its tests have made. */
  readonly secrets: readonly string[];
  /** What the commands of its tests printed and what their flows logged. */
  readonly logged: string;
  /** Subjects, headers and bodies of messages that its tests left on NATS servers. */
  readonly stored: string;
}

/** The record in a folder; empty if there is none. */
export async function readRecord(folder: string): Promise<RunRecord> {
  const read = (name: string) => readFile(join(folder, name), "utf8").catch(() => "");
  const secrets = (await read(SECRETS_FILE)).split("\n").filter((line) => line !== "");
  return { secrets, logged: await read(LOGGED_FILE), stored: await read(STORED_FILE) };
}

/** Looks for every secret of a test run in everything that the run logged, printed or left in streams, as it is and encoded, whichever test it came of. */
export class SecretSearch {
  readonly #secrets = new Set<string>();
  readonly #texts: { from: string; printed: string; logged: string; stored: string }[] = [];

  /** @param from Names the test file to people. */
  add(from: string, { output, record }: { output: string; record: RunRecord }): void {
    for (const secret of record.secrets) this.#secrets.add(secret);
    const { logged, stored } = record;
    this.#texts.push({ from, printed: output, logged, stored });
  }

  /**
   * Lines with a secret, which is masked.
   * @param whole Whether all tests have run: then a search without secrets, or in nothing, has gone wrong.
   * @param servers Whether there were servers, so that something has to be stored.
   */
  problems({ whole, servers = false }: { whole: boolean; servers?: boolean }): string[] {
    const problems: string[] = [];
    if (whole && this.#secrets.size === 0) problems.push("no test has registered a secret");
    for (const kind of ["printed", "logged", "stored"] as const) {
      const isEmpty = this.#texts.every((each) => each[kind] === "");
      if (whole && isEmpty && (kind !== "stored" || servers)) {
        problems.push(`nothing was searched: no test has ${kind} anything`);
      }
    }
    const index = new FormIndex(this.#secrets);
    const hits = this.#texts.flatMap(({ from, printed, logged, stored }) =>
      [printed, logged, stored].flatMap((text) => index.hits(text)).map((line) =>
        `${from}: ${line}`
      )
    );
    if (hits.length <= MOST_LINES) return [...problems, ...hits];
    return [...problems, ...hits.slice(0, MOST_LINES), `… ${hits.length} lines in all`];
  }
}

/** Finds any of many texts in one pass for each of their few beginnings. */
class FormIndex {
  readonly #byStart = new Map<string, Map<number, Set<string>>>();

  constructor(secrets: Iterable<string>) {
    for (const form of [...secrets].flatMap(secretForms)) {
      const byLength = getOrMake(this.#byStart, form.slice(0, START), () => new Map());
      getOrMake(byLength, form.length, () => new Set<string>()).add(form);
    }
  }

  /** The lines with one of them, which is masked. */
  hits(text: string): string[] {
    const found = new Set<string>();
    for (const [start, byLength] of this.#byStart) {
      for (let at = text.indexOf(start); at >= 0; at = text.indexOf(start, at + 1)) {
        for (const [length, forms] of byLength) {
          const candidate = text.slice(at, at + length);
          if (forms.has(candidate)) found.add(candidate);
        }
      }
    }
    if (found.size === 0) return [];
    // A secret that begins another is to leave nothing of the longer one.
    const longest = [...found].sort((a, b) => b.length - a.length);
    return text.split("\n").filter((line) => longest.some((form) => line.includes(form)))
      .map((line) => longest.reduce((masked, form) => masked.replaceAll(form, "***"), line))
      .map((line) => line.trim().slice(0, MOST_CHARACTERS));
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}
