import { isPending } from "../../base/time/pending.ts";
import type { Step } from "./step.ts";
import type { Flight } from "../records/flight.ts";
import { heldBack, type OutageOptions, outlasts } from "./outage.ts";

/**
 * Waits out a store or server that is away, with the record in hand: an outage is no fault of the record and must not use up its attempts. One that
 * answers and still fails this one object is the record's own trouble, and passed on.
 */
export function patientStep(inner: Step, options: OutageOptions): Step {
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
      flight.waits = true;
      const waited = await outlasts(found, options);
      flight.waits = false;
      if (waited === "stopped") throw heldBack(found);
      if (waited === "failed") throw found;
      try {
        // The same call again has to make the same message ids.
        flight.sideRecords = 0;
        flight.ackRequested = false;
        return await inner(flight);
      } catch (next) {
        found = next;
      }
    }
  }
}
