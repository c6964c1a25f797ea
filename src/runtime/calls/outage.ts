import { reasonOf, UnavailableError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { type Store, StoreError } from "../../store/store.ts";
import { aborted, growingDelay, waitAtMost } from "../../base/time/waiting.ts";
import { InterruptedCall } from "../../base/interrupted_call.ts";

const FIRST_DELAY_MS = 1000;
/** So that no worker is idle for long once the other side is back. */
const LONGEST_DELAY_MS = 4000;

/** A write that found no room is tried again after at least this long. */
const FULL_MS = 2000;

export interface OutageOptions {
  store: Store;
  log: Logger;
  /** Aborted when the worker stops: then the record is handed back. */
  stop: AbortSignal;
}

/** Who is waited for answers again, so that the call is to be made again; or it has failed for good; or the worker stopped before one of the two was known. */
export type Waited = "again" | "failed" | "stopped";

/**
 * Waits until a call may succeed that has failed. "again": it was interrupted, or failed because of a store or server that was away or let nobody in, which answers
 * now. "failed": the error is of another kind, or the other side is there and fails this one thing. "stopped": the worker stops meanwhile.
 */
export async function outlasts(error: unknown, options: OutageOptions): Promise<Waited> {
  if (error instanceof InterruptedCall) return "again";
  const question = questionOf(error, options.store);
  if (question === undefined) return "failed";
  const { log, stop } = options;
  for (let failures = 0; !stop.aborted; failures++) {
    if (await question.answers(stop)) return failures > 0 ? "again" : "failed";
    if (stop.aborted) break;
    const delayMs = growingDelay(failures, { first: FIRST_DELAY_MS, longest: LONGEST_DELAY_MS });
    log.warning(`${question.said}, trying again in ${delayMs} ms`, {
      reason: reasonOf(error),
    });
    await waitAtMost(aborted(stop), delayMs);
  }
  return "stopped";
}

/** What a worker that stops says of a record which it holds because of an outage: it is handed back, and no attempt is used up. */
export function heldBack(error: unknown): UnavailableError {
  if (error instanceof UnavailableError) return error;
  const check = () => Promise.reject(error as Error);
  return new UnavailableError(reasonOf(error), { who: "The store", check, cause: error });
}

interface Question {
  /** What is told while it does not answer. */
  readonly said: string;
  answers(signal: AbortSignal): Promise<boolean>;
}

function questionOf(error: unknown, store: Store): Question | undefined {
  if (error instanceof UnavailableError) {
    return {
      said: `${error.who} ${error.state}`,
      answers: (signal) => succeeds(() => error.check(signal)),
    };
  }
  if (!(error instanceof StoreError) || !error.isOfStore) return undefined;
  const { bucket } = error;
  if (bucket === undefined) return undefined;
  // Whether there is room again shows only when something is written.
  if (error.kind === "no-room") {
    const until = performance.now() + FULL_MS;
    return {
      said: `The store has no room`,
      answers: () => Promise.resolve(performance.now() >= until),
    };
  }
  const state = error.kind === "unavailable" ? "is away" : "lets nobody in";
  return {
    said: `The store ${state}`,
    answers: (signal) => succeeds(() => store.check(bucket, signal)),
  };
}

async function succeeds(check: () => Promise<void>): Promise<boolean> {
  try {
    await check();
    return true;
  } catch (error) {
    return error instanceof StoreError && !error.isOfStore;
  }
}
