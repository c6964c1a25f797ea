/** What one task counts. Observing never throws and never waits. Times in ms. */
export interface TaskMetrics {
  /** A record was handed to the function and came back, well or not. @param calls So many, each after this time. @default 1 */
  processed(milliseconds: number, calls?: number): void;
  downloaded(milliseconds: number): void;
  /** From the start of the download to the end of the function. @param calls As in `processed`. */
  total(milliseconds: number, calls?: number): void;
  /** Counts kept elsewhere, which only go up: read whenever somebody looks, so that counting costs nothing here. Several are summed. */
  follow(counts: TaskCounts): void;
  /** @param value A function is asked whenever somebody looks, and must not throw. */
  set(gauge: TaskGauge, value: GaugeValue): void;
}

export type TaskCounter =
  | "in"
  | "out"
  | "acked"
  | "nacked"
  | "redelivered"
  | "dead"
  | "errors"
  | "duplicates"
  | "purged"
  /** Failed attempts whose error record the side stream did not take at once. */
  | "unreported"
  /** Times that the function held the thread so long that heartbeats were missed. */
  | "blocked";

export type TaskCounts = Readonly<Record<TaskCounter, number>>;

export type TaskGauge =
  | "pending"
  | "ackPending"
  /** Since the oldest record that nobody has acknowledged was stored, seconds. */
  | "oldestWaiting"
  | "inFlight"
  | "slots"
  | "bulkBuffered"
  /** Inputs that wait for the function's `requestAck()`. */
  | "held"
  /** Workers that have made no step for three ack waits though records wait. */
  | "stalled"
  /** Workers that one record has to itself, because it may have ended earlier ones. */
  | "alone"
  /** Failed records that are held because the side stream does not take their error record. */
  | "unreportedNow";

export type GaugeValue = number | (() => number);

export interface TaskLabels {
  readonly flow: string;
  readonly task: string;
  /** Whether the task takes no records but makes them. @default false */
  readonly source?: boolean;
}

/** Port: metrics of a process. Asked twice for the same labels it gives the same counts. */
export interface Metrics {
  task(labels: TaskLabels): TaskMetrics;
  /** Ids of the tasks whose gauge is above 0. */
  tasksWith(gauge: TaskGauge): string[];
}

/** What a process is asked at each scrape. */
export interface ProcessState {
  /** Whether it can be given work. Must not reject. */
  isReady(): Promise<boolean>;
  /** Steps of traces that were dropped so far. */
  spansDropped(): number;
}

/** What a scrape gets. */
export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
}
