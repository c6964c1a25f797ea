import type { GaugeValue, TaskCounter, TaskGauge, TaskMetrics } from "../metrics/metrics.ts";

/** A message that will not be tried again, as the report names it. */
export interface DeadLetter {
  readonly task: string;
  readonly edge: string;
  readonly sequence: number;
  readonly attempts: number;
  readonly error: string;
  /** What names the record to a person: its `bucket/key` or `id`, else its first fields; absent if it could not be decoded. */
  readonly record?: string;
}

/** Dead letters that a report names one by one; the rest is only counted. */
const MOST_NAMED = 100;

/** What one task of a run has done so far, over all its workers in this process. */
export class TaskProgress {
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
    unreported: 0,
    blocked: 0,
  };
  readonly deadLetters: DeadLetter[] = [];
  /** What went wrong with the task itself and not with a record of it. */
  readonly failures: string[] = [];
  /** Time spent in the function, ms. */
  processingMs = 0;
  /** From the first to the last record, ms; undefined before the first. */
  startedAt?: number;
  endedAt?: number;

  constructor(readonly task: string, readonly next?: TaskMetrics) {
    next?.follow(this.counts);
  }

  processed(milliseconds: number): void {
    this.processingMs += milliseconds;
    this.next?.processed(milliseconds);
  }

  downloaded(milliseconds: number): void {
    this.next?.downloaded(milliseconds);
  }

  total(milliseconds: number): void {
    this.next?.total(milliseconds);
  }

  add(counter: TaskCounter, amount = 1): void {
    this.counts[counter] += amount;
  }

  set(gauge: TaskGauge, value: GaugeValue): void {
    this.next?.set(gauge, value);
  }

  dead(letter: DeadLetter): void {
    this.add("dead");
    if (this.deadLetters.length < MOST_NAMED) this.deadLetters.push(letter);
  }

  /** Marks now as inside the task's working time. */
  touch(now: number): void {
    this.startedAt ??= now;
    this.endedAt = now;
  }
}
