import type { GaugeValue, TaskCounter, TaskGauge, TaskLabels, TaskMetrics } from "./metrics.ts";
import { TimeTally } from "./time_tally.ts";

/** The counts of one task as plain numbers, so that counting costs next to nothing. */
export class TaskTally implements TaskMetrics {
  readonly labels: { readonly flow: string; readonly function: string };
  readonly counts: Record<TaskCounter, number> = {
    in: 0,
    out: 0,
    acked: 0,
    naked: 0,
    redelivered: 0,
    dead: 0,
    errors: 0,
    duplicates: 0,
    purged: 0,
  };
  readonly #gauges: Record<TaskGauge, GaugeValue> = {
    pending: 0,
    ackPending: 0,
    inFlight: 0,
    slots: 0,
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
    return this.#source ? this.counts.out : this.#processed;
  }

  processed(milliseconds: number): void {
    this.#processed++;
    this.times.processing.observe(milliseconds);
  }

  downloaded(milliseconds: number): void {
    this.times.downloading.observe(milliseconds);
  }

  total(milliseconds: number): void {
    this.times.total.observe(milliseconds);
  }

  add(counter: TaskCounter, amount = 1): void {
    if (amount > 0) this.counts[counter] += amount;
  }

  set(gauge: TaskGauge, value: GaugeValue): void {
    this.#gauges[gauge] = value;
  }

  gauge(name: TaskGauge): number {
    const value = this.#gauges[name];
    return typeof value === "number" ? value : value();
  }
}
