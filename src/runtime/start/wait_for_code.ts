import type { Logger } from "../../base/log.ts";
import { REAL_TIMERS, type Timers } from "../../base/time/timers.ts";
import { aborted } from "../../base/time/waiting.ts";

const SAY_EVERY_MS = 10_000;

export interface WaitForCodeOptions {
  readonly log: Logger;
  /** What is waited for. */
  readonly message: string;
  /** Ends the waiting, where nothing has started yet. @default it goes on until the code ends */
  readonly stop?: AbortSignal;
  /** @default the real ones */
  readonly timers?: Timers;
}

/**
 * Waits for code of the user's that runs before there is a record. It may wait for something that never comes, so the log says periodically that it is waited for.
 * @returns undefined if it was stopped before.
 */
export async function waitForCode<T>(
  work: Promise<T>,
  { log, message, stop, timers = REAL_TIMERS }: WaitForCodeOptions,
): Promise<T | undefined> {
  const endSaying = timers.every(SAY_EVERY_MS, () => log.info(message));
  try {
    if (stop === undefined) return await work;
    return await Promise.race([work, aborted(stop).then(() => undefined)]);
  } finally {
    endSaying();
    // Once it is stopped an error is of no interest any more.
    if (stop !== undefined) work.catch(() => {});
  }
}
