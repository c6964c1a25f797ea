import type {
  GaugeValue,
  TaskCounter,
  TaskCounts,
  TaskGauge,
  TaskLabels,
  TaskMetrics,
} from "./metrics.ts";
import { TimeTally } from "./time_tally.ts";

/** The counts of one task as plain numbers, so that counting costs next to nothing. */
export class TaskTally implements TaskMetrics {
  readonly labels: { readonly flow: string; readonly function: string };
  readonly #followed = new Set<TaskCounts>();
  /** Of what is no longer followed. */
  readonly #before: Partial<Record<TaskCounter, number>> = {};
  readonly #gauges: Record<TaskGauge, GaugeValue> = {
    pending: 0,
    ackPending: 0,
    oldestWaiting: 0,
    inFlight: 0,
    slots: 0,
    bulkBuffered: 0,
    held: 0,
    stalled: 0,
    alone: 0,
    unreportedNow: 0,
  };
  readonly times = {
    processing: new TimeTally(),
    downloading: new TimeTally(),
    total: new TimeTally(),
  };
  readonly #source: boolean;
  #processed = 0;

  constructor({ flow, task, source = false }: TaskLabels) {
    this.labels = { flow, function: task };
    this.#source = source;
  }

  /** Records that the function has worked on; of a source those it has made. */
  get events(): number {
    return this.#source ? this.count("out") : this.#processed;
  }

  processed(milliseconds: number, calls = 1): void {
    this.#processed += calls;
    this.times.processing.observe(milliseconds, calls);
  }

  downloaded(milliseconds: number): void {
    this.times.downloading.observe(milliseconds);
  }

  total(milliseconds: number, calls = 1): void {
    this.times.total.observe(milliseconds, calls);
  }

  follow(counts: TaskCounts): void {
    this.#followed.add(counts);
  }

  /** Keeps the sums and lets go of the object: these counts do not go up any more. */
  unfollow(counts: TaskCounts): void {
    if (!this.#followed.delete(counts)) return;
    for (const [counter, count] of Object.entries(counts)) {
      this.#before[counter as TaskCounter] = (this.#before[counter as TaskCounter] ?? 0) + count;
    }
  }

  count(counter: TaskCounter): number {
    let sum = this.#before[counter] ?? 0;
    for (const counts of this.#followed) sum += counts[counter];
    return sum;
  }

  set(gauge: TaskGauge, value: GaugeValue): void {
    this.#gauges[gauge] = value;
  }

  gauge(name: TaskGauge): number {
    const value = this.#gauges[name];
    return typeof value === "number" ? value : value();
  }
}
