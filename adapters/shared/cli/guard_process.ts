import { writeSync } from "node:fs";
import process from "node:process";
import { placeOf } from "../../../src/base/error_place.ts";
import { classOf, reasonOf, stackOf } from "../../../src/base/errors.ts";
import { createLogger, type LogFields } from "../../../src/base/log.ts";

/** The part of Deno used here. */
interface DenoExit {
  exit(code?: number): never;
}

/** What is known of a process that ends. */
export interface Leaving {
  /** Whether kflow itself has asked for it. */
  readonly isLeaving: boolean;
}

const UNHANDLED = ["unhandledRejection", "uncaughtException"] as const;
const REMEDY = "what was not finished is delivered again";

/**
 * Makes what functions of the user's do to the whole process end it with 1 and a line: a call of `exit`, with whose status, 0 as a rule, an unfinished run would look
 * like one that is done, and an error that nobody catches. Isolated functions are not concerned: they end their Worker only.
 * @param isHarmless Errors that the platform raises by itself. @default there are none
 */
export function guardProcess(
  host: Leaving,
  isHarmless: (error: unknown) => boolean = () => false,
): void {
  const end = process.exit.bind(process);
  // Deno's process.exit comes by Deno.exit, which is replaced too.
  const own = { isEnding: false };
  const endWith = (status: number): never => {
    own.isEnding = true;
    return end(status);
  };
  function exit(code?: unknown): never {
    const status = Number(code ?? process.exitCode ?? 0);
    if (host.isLeaving) return endWith(status);
    say(
      `A function has ended the process with exit(${status}): ${REMEDY}. Throw an error instead, or set meta.isolate`,
    );
    return endWith(1);
  }
  function unhandled(event: (typeof UNHANDLED)[number], error: unknown): void {
    // A listener of the user's decides what becomes of it, as without kflow.
    if (host.isLeaving || isHarmless(error) || process.listenerCount(event) > 1) return;
    say(`An error that no code handles ends the process: ${REMEDY}. Await every promise`, {
      error: reasonOf(error),
      class: classOf(error),
      at: placeOf(error),
      stack: stackOf(error),
    });
    endWith(1);
  }
  process.exit = exit as typeof process.exit;
  for (const event of UNHANDLED) process.on(event, (error) => unhandled(event, error));
  const { Deno } = globalThis as { Deno?: DenoExit };
  if (Deno === undefined) return;
  const endDeno = Deno.exit.bind(Deno);
  Deno.exit = (code) => own.isEnding || host.isLeaving ? endDeno(code) : exit(code);
}

/** Writes at once: the process ends before any queue of lines would be written. */
function say(message: string, fields: LogFields = {}): void {
  const log = createLogger({ level: "INFO", write: (line) => void writeSync(2, line) });
  log.critical(message, fields);
}
