import { BrokerError } from "../../../src/broker/broker.ts";
import { reasonOf, StartError } from "../../../src/base/errors.ts";
import type { Logger } from "../../../src/base/log.ts";
import { aborted, growingDelay, waitAtMost } from "../../../src/base/time/waiting.ts";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 4_000;

export interface UntilStartedOptions {
  log: Logger;
  stop: AbortSignal;
  /** Only a server that takes connections and does not answer is waited for, and for so long, ms; then the reason is thrown as a `StartError`. @default any that may come, without end */
  hangsMs?: number;
}

/**
 * Calls again with growing delays while a start fails for a reason that may pass, or a server that was there does not answer; undefined if stopped meanwhile.
 * @param start Hands over who knows whether work has begun, so that a failure after that is not called one of the start.
 */
export async function untilStarted<T>(
  { log, stop, hangsMs }: UntilStartedOptions,
  start: (watch: (hasBegun: () => boolean) => void) => Promise<T>,
): Promise<T | undefined> {
  let failures = 0;
  let failingSince = 0;
  for (;;) {
    let hasBegun = () => false;
    try {
      return await start((known) => hasBegun = known);
    } catch (error) {
      if (!(hangsMs === undefined ? mayPass(error) : hangs(error))) throw error;
      if (stop.aborted) return undefined;
      const goesOn = hasBegun();
      if (goesOn) failures = 0;
      if (failures === 0) failingSince = performance.now();
      const delayMs = growingDelay(failures++, {
        first: FIRST_DELAY_MS,
        longest: LONGEST_DELAY_MS,
      });
      const reason = reasonOf(error);
      if (performance.now() + delayMs - failingSince > (hangsMs ?? Infinity)) {
        throw error instanceof StartError ? error : new StartError(reason, { cause: error });
      }
      const what = goesOn ? "Cannot go on, starting again" : "Cannot start yet, trying again";
      log.warning(`${what} in ${delayMs} ms`, { reason });
      await waitAtMost(aborted(stop), delayMs);
      if (stop.aborted) return undefined;
    }
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof StartError ? error.transient : hangs(error);
}

function hangs(error: unknown): boolean {
  return error instanceof StartError
    ? error.unanswered
    : error instanceof BrokerError && error.isAway;
}
