/** What one task counts. Observing never throws and never waits. Times in ms. */
export interface TaskMetrics {
  /** A record was handed to the function and came back, well or not. */
  processed(milliseconds: number): void;
  downloaded(milliseconds: number): void;
  /** From the start of the download to the end of the function. */
  total(milliseconds: number): void;
  add(counter: TaskCounter, amount?: number): void;
  set(gauge: TaskGauge, value: number): void;
}

export type TaskCounter =
  | "in"
  | "out"
  | "acked"
  | "naked"
  | "redelivered"
  | "dead"
  | "errors"
  | "duplicates"
  | "purged"
  /** Failed attempts whose error record the side stream did not take at once. */
  | "unreported";

export type TaskGauge = "pending" | "ackPending" | "inFlight" | "slots";

/** Port: metrics of a process. */
export interface Metrics {
  task(labels: { flow: string; task: string }): TaskMetrics;
}
