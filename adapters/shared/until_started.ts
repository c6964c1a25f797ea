import { BrokerError } from "../../src/broker/broker.ts";
import { reasonOf, StartError } from "../../src/errors.ts";
import type { Logger } from "../../src/log.ts";
import { aborted, growingDelay, waitAtMost } from "../../src/waiting.ts";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 4_000;

/** Calls again with growing delays while a start fails for a reason that may pass, or a server that was there does not answer; undefined if stopped meanwhile. */
export async function untilStarted<T>(
  log: Logger,
  stop: AbortSignal,
  start: () => Promise<T>,
): Promise<T | undefined> {
  for (let failures = 0;; failures++) {
    try {
      return await start();
    } catch (error) {
      if (!mayPass(error)) throw error;
      if (stop.aborted) return undefined;
      const delayMs = growingDelay(failures, { first: FIRST_DELAY_MS, longest: LONGEST_DELAY_MS });
      log.warning(`Cannot start yet, trying again in ${delayMs} ms`, { reason: reasonOf(error) });
      await waitAtMost(aborted(stop), delayMs);
      if (stop.aborted) return undefined;
    }
  }
}

function mayPass(error: unknown): boolean {
  return (error instanceof StartError && error.transient) ||
    (error instanceof BrokerError && error.isAway);
}
