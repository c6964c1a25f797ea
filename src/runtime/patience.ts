import { reasonOf } from "../errors.ts";
import type { Logger } from "../log.ts";
import { type Store, StoreError } from "../store/store.ts";
import { isPending, type Step } from "./chain.ts";
import type { Flight } from "./flight.ts";
import { aborted, waitAtMost } from "../waiting.ts";

const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 30_000;

export interface PatienceOptions {
  store: Store;
  log: Logger;
  /** Aborted when the worker stops: then the error counts after all, and the record is handed back. */
  stop: AbortSignal;
}

/**
 * Waits out a store that is away, with the record in hand: an outage is no fault of the record and must not use up its attempts. A store that answers
 * and still fails this one object is the record's own trouble, and passed on.
 */
export function patientStep(inner: Step, options: PatienceOptions): Step {
  return (flight) => {
    let answer: unknown;
    try {
      answer = inner(flight);
    } catch (error) {
      return tryAgain(flight, error);
    }
    return isPending(answer) ? attempt(flight, answer) : answer;
  };

  async function attempt(flight: Flight, answer: PromiseLike<unknown>): Promise<unknown> {
    try {
      return await answer;
    } catch (error) {
      return await tryAgain(flight, error);
    }
  }

  async function tryAgain(flight: Flight, error: unknown): Promise<unknown> {
    for (let found = error;;) {
      if (!(found instanceof StoreError) || found.kind !== "unavailable") throw found;
      flight.waits = true;
      const back = await waitForStore(found, options);
      flight.waits = false;
      if (!back) throw found;
      try {
        // The same call again has to make the same message ids.
        flight.sideRecords = 0;
        return await inner(flight);
      } catch (next) {
        found = next;
      }
    }
  }
}

/** True once the store answers again after it was away; false if it was not away at all, or the worker stops. */
async function waitForStore(error: StoreError, options: PatienceOptions): Promise<boolean> {
  const { store, log, stop } = options;
  let away = false;
  for (
    let delayMs = FIRST_DELAY_MS;
    !stop.aborted;
    delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS)
  ) {
    if (error.bucket === undefined || await answers(store, error.bucket, stop)) return away;
    away = true;
    log.warning(`The store is away, trying again in ${delayMs} ms`, { reason: reasonOf(error) });
    await waitAtMost(aborted(stop), delayMs);
  }
  return false;
}

async function answers(store: Store, bucket: string, signal: AbortSignal): Promise<boolean> {
  try {
    await store.check(bucket, signal);
    return true;
  } catch (error) {
    return error instanceof StoreError && error.kind !== "unavailable";
  }
}
