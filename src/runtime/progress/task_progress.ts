import { TimeSpread } from "../../metrics/time_spread.ts";
import type { GaugeValue, TaskCounter, TaskGauge, TaskMetrics } from "../../metrics/metrics.ts";
import { ErrorClasses } from "./error_classes.ts";

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
    nacked: 0,
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
  /** How long calls, downloads and both together took. */
  readonly times = {
    processing: new TimeSpread(),
    downloading: new TimeSpread(),
    total: new TimeSpread(),
  };
  /** Failed attempts by class. */
  readonly errorClasses = new ErrorClasses();
  /** Of the bodies that came, redelivered ones included, and of the records emitted, side outs included and each once however many take it. */
  readonly bytes = { in: 0, out: 0 };
  /** How the input queue stood when somebody last asked, and how many had been acknowledged here by then; absent before that and for a source. */
  readonly queue: { pending?: number; ackPending?: number; acked?: number } = {};
  /** Whether nothing more comes of the task in this process: its workers have ended, or its source has emitted all. */
  isOver = false;
  /** When the first record was begun and the last was done with, by `performance.now()`; undefined before the first. */
  startedAt?: number;
  endedAt?: number;

  constructor(readonly task: string, readonly next?: TaskMetrics) {
    next?.follow(this.counts);
  }

  processed(milliseconds: number, calls = 1): void {
    this.times.processing.observe(milliseconds, calls);
    this.next?.processed(milliseconds, calls);
  }

  downloaded(milliseconds: number): void {
    this.times.downloading.observe(milliseconds);
    this.next?.downloaded(milliseconds);
  }

  total(milliseconds: number, calls = 1): void {
    this.times.total.observe(milliseconds, calls);
    this.next?.total(milliseconds, calls);
  }

  /** A delivery of so many bytes is begun. */
  begun(bytes: number): void {
    this.counts.in++;
    this.bytes.in += bytes;
  }

  /** For what is rare. With every record `counts` is changed itself: names that differ from call to call are slow to look up. */
  add(counter: TaskCounter, amount = 1): void {
    this.counts[counter] += amount;
  }

  set(gauge: TaskGauge, value: GaugeValue): void {
    if ((gauge === "pending" || gauge === "ackPending") && typeof value === "number") {
      this.queue[gauge] = value;
      this.queue.acked = this.counts.acked;
    }
    this.next?.set(gauge, value);
  }

  /** Records in the input queue that were not done with when somebody last asked; undefined as above. */
  get waiting(): number | undefined {
    const { pending, ackPending = 0 } = this.queue;
    return pending === undefined ? undefined : pending + ackPending;
  }

  dead(letter: DeadLetter): void {
    this.add("dead");
    if (this.deadLetters.length < MOST_NAMED) this.deadLetters.push(letter);
  }

  /** Marks this time as part of the task's working time. */
  touch(from: number, to = from): void {
    this.startedAt ??= from;
    this.endedAt = to;
  }
}
