import { appendFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import {
  LOGGED_FILE,
  RECORD_VARIABLE,
  SECRETS_FILE,
  STORED_FILE,
} from "../../tools/secret_search.ts";

/** A password or token that nothing may log: `npm test` searches all that was logged for it. */
export function newSecret(): string {
  const secret = `secret-${crypto.randomUUID()}`;
  append(SECRETS_FILE, secret);
  return secret;
}

/** Keeps what was logged without being printed, for that search. */
export function recordLogged(text: string): void {
  append(LOGGED_FILE, text);
}

/** Keeps what was left in streams, for that search. `text` is not asked for unless there is one. */
export async function recordStored(text: () => Promise<string>): Promise<void> {
  if (process.env[RECORD_VARIABLE] !== undefined) append(STORED_FILE, await text());
}

/** Nothing is written unless `npm test` runs the tests. */
function append(file: string, text: string): void {
  const folder = process.env[RECORD_VARIABLE];
  if (folder !== undefined) appendFileSync(join(folder, file), `${text}\n`);
}
