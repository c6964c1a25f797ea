import { writeSync } from "node:fs";
import process from "node:process";
import { createLogger } from "../../../src/base/log.ts";

/** The part of Deno used here. */
interface DenoExit {
  exit(code?: number): never;
}

/** What is known of a process that ends. */
export interface Leaving {
  /** Whether kflow itself has asked for it. */
  readonly isLeaving: boolean;
}

/**
 * Makes a function of the user's that ends the process end it with 1 and a line: with the status that it gave, 0 as a rule, an unfinished run would look
 * like one that is done. Isolated functions are not concerned: they end their Worker only.
 */
export function guardExit(host: Leaving): void {
  const end = process.exit.bind(process);
  function exit(code?: unknown): never {
    if (!host.isLeaving) {
      const log = createLogger({ level: "INFO", write: (line) => void writeSync(2, line) });
      log.critical(
        `A function has ended the process with exit(${
          Number(code ?? process.exitCode ?? 0)
        }): what was not finished is delivered again. Throw an error instead, or set meta.isolate`,
      );
      return end(1);
    }
    return end(code as number);
  }
  process.exit = exit as typeof process.exit;
  const { Deno } = globalThis as { Deno?: DenoExit };
  if (Deno === undefined) return;
  const endDeno = Deno.exit.bind(Deno);
  const isOwn = { now: false };
  Deno.exit = (code) => {
    // The platform's own process.exit may come by here.
    if (isOwn.now || host.isLeaving) return endDeno(code);
    isOwn.now = true;
    return exit(code);
  };
}
