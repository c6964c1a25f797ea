import type { RecordValue } from "../codec/codec.ts";
import type { TaskMetrics } from "../metrics/metrics.ts";
import type { Clock } from "./clock.ts";
import type { Flight } from "./flight.ts";

/**
 * One step of working on a delivery: takes a decoded flight and gives what the function returned. It answers at once if it can and with a promise
 * only if it must, because a promise per record would cost more than most functions.
 */
export type Step = (flight: Flight) => unknown;

/** Whether a step's answer has to be awaited. Any thenable counts, as it does for `await`. */
export function isPending(answer: unknown): answer is PromiseLike<unknown> {
  return typeof answer === "object" && answer !== null &&
    typeof (answer as Partial<PromiseLike<unknown>>).then === "function";
}

/** Calls the function. */
export function processStep(
  process: (record: RecordValue, flight: Flight) => unknown,
): Step {
  return (flight) => process(flight.record!, flight);
}

export interface MeasureOptions {
  clock: Clock;
  metrics: Pick<TaskMetrics, "processed">;
  /** A call that holds the thread for longer is told of, ms. @default Infinity */
  heldLimitMs?: number;
  held?: (milliseconds: number) => void;
}

/** Looking at the clock twice for a call that takes no longer would cost more than the call. */
const SHORT_MS = 0.1;

/**
 * Times what is inside, well or not (`function_processing_time_ms`). After a call that took next to no time the next is timed from when the worker last looked at the clock, which
 * adds the decoding of its record.
 */
export function measureStep(inner: Step, options: MeasureOptions): Step {
  const { clock, metrics, heldLimitMs = Infinity, held } = options;
  let wasShort = false;
  const atOnce = (started: number) => {
    const milliseconds = clock.now() - started;
    wasShort = milliseconds < SHORT_MS;
    metrics.processed(milliseconds);
    if (milliseconds > heldLimitMs) held?.(milliseconds);
  };
  return (flight) => {
    const started = wasShort ? clock.recent() : clock.now();
    let answer: unknown;
    try {
      answer = inner(flight);
    } catch (error) {
      atOnce(started);
      throw error;
    }
    if (!isPending(answer)) {
      atOnce(started);
      return answer;
    }
    wasShort = false;
    const milliseconds = clock.now() - started;
    if (milliseconds > heldLimitMs) held?.(milliseconds);
    return settleWith(answer, () => metrics.processed(clock.now() - started));
  };
}

async function settleWith(answer: PromiseLike<unknown>, after: () => void): Promise<unknown> {
  try {
    return await answer;
  } finally {
    after();
  }
}
