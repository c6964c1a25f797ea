import type { RecordValue } from "../../codec/codec.ts";
import type { CallTimes } from "./call_times.ts";
import type { Flight } from "../records/flight.ts";
import { isPending } from "../../base/time/pending.ts";

/**
 * One step of working on a delivery: takes a decoded flight and gives what the function returned. It answers at once if it can and with a promise
 * only if it must, because a promise per record would cost more than most functions.
 */
export type Step = (flight: Flight) => unknown;

/** Calls the function. */
export function processStep(
  process: (record: RecordValue, flight: Flight) => unknown,
): Step {
  return (flight) => process(flight.record!, flight);
}

/** Times what is inside, well or not. */
export function measureStep(inner: Step, times: CallTimes): Step {
  return (flight) => {
    const started = times.begin();
    let answer: unknown;
    try {
      answer = inner(flight);
    } catch (error) {
      times.threw(started);
      throw error;
    }
    if (isPending(answer)) return settleWith(answer, times.mustWait(started));
    times.returned(started);
    return answer;
  };
}

async function settleWith(answer: PromiseLike<unknown>, after: () => void): Promise<unknown> {
  try {
    return await answer;
  } finally {
    after();
  }
}
