import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type {
  Metrics,
  MetricsPage,
  ProcessState,
  TaskCounter,
  TaskGauge,
  TaskLabels,
} from "./metrics.ts";
import { TaskTally } from "./task_tally.ts";
import { BUCKETS_MS, type TimeTally } from "./time_tally.ts";

const LABELS = ["flow", "function"] as const;
type Label = (typeof LABELS)[number];

const COUNTERS: Readonly<Record<TaskCounter, readonly [name: string, help: string]>> = {
  in: ["kflow_in_total", "Deliveries that the task has begun, redelivered ones included"],
  out: ["kflow_out_total", "Records that the task has emitted on its main output"],
  acked: ["kflow_acked_total", "Deliveries acknowledged"],
  nacked: ["kflow_nacked_total", "Deliveries handed back to be delivered again"],
  redelivered: ["kflow_redelivered_total", "Deliveries of a record that came before"],
  dead: ["kflow_dead_letters_total", "Records given up after their last attempt"],
  errors: ["kflow_errors_total", "Attempts that failed"],
  duplicates: ["kflow_duplicates_total", "Outputs that were stored before and not stored again"],
  purged: ["kflow_purged_total", "Acknowledged messages removed from the input queue"],
  unreported: [
    "kflow_unreported_total",
    "Failed attempts whose error record the side stream did not take at once",
  ],
  blocked: [
    "kflow_blocked_total",
    "Times that the function held the thread so long that heartbeats were missed",
  ],
};

const GAUGES: Readonly<Record<TaskGauge, readonly [name: string, help: string]>> = {
  pending: ["kflow_pending", "Records in the input queue never delivered yet"],
  ackPending: ["kflow_ack_pending", "Records delivered to any worker and not settled"],
  oldestWaiting: [
    "kflow_oldest_waiting_seconds",
    "Age of the oldest record in the input queue that is not acknowledged; 0 if there is none",
  ],
  inFlight: ["kflow_in_flight", "Records that the workers of this process hold"],
  slots: ["kflow_slots", "Records that the workers of this process may hold at once"],
  bulkBuffered: ["kflow_bulk_buffered", "Records that wait for their bulk to be written"],
  held: ["kflow_held", "Records held until the function calls requestAck()"],
  stalled: [
    "kflow_stalled_workers",
    "Workers that have made no step for three ack waits though records wait",
  ],
  alone: [
    "kflow_alone",
    "Workers that one record has to itself, because it may have ended earlier ones",
  ],
  unreportedNow: [
    "kflow_unreported",
    "Failed records held because the error side stream does not take their error record",
  ],
};

const TIMES = {
  processing: ["function_processing_time_ms", "Time spent processing events, ms"],
  downloading: ["function_downloading_time_ms", "Time spent downloading files, ms"],
  total: ["function_total_time_ms", "Total time spent processing and downloading, ms"],
} as const;
const TIME_NAMES = ["processing", "downloading", "total"] as const;
type Time = (typeof TIME_NAMES)[number];

export interface PrometheusOptions extends Partial<ProcessState> {
  /** Tasks that were counted before, by flow and task with a space between. */
  counted?: Map<string, TaskTally>;
}

/** Counts for Prometheus, in a registry of its own. The tasks count in plain numbers; a scrape copies them. */
export class PrometheusMetrics implements Metrics, MetricsPage {
  readonly #registry = new Registry();
  readonly #tasks: Map<string, TaskTally>;

  /** @param build What `kflow_build_info` says. */
  constructor(
    build: { version: string; platform: string },
    { counted, isReady = () => Promise.resolve(true), spansDropped = () => 0 }: PrometheusOptions =
      {},
  ) {
    this.#tasks = counted ?? new Map();
    const tasks = () => this.#tasks.values();
    const registers = [this.#registry];
    const family = ([name, help]: readonly [string, string]) => ({
      name,
      help,
      labelNames: LABELS,
      registers,
    });
    new Counter({
      ...family(["events_total", "Events (individual records) processed by the function"]),
      collect() {
        this.reset();
        for (const task of tasks()) this.inc(task.labels, task.events);
      },
    });
    for (const time of TIME_NAMES) {
      this.#registry.registerMetric(new TalliedHistogram(TIMES[time], time, tasks));
    }
    for (const [counter, named] of Object.entries(COUNTERS)) {
      new Counter({
        ...family(named),
        collect() {
          this.reset();
          for (const task of tasks()) this.inc(task.labels, task.count(counter as TaskCounter));
        },
      });
    }
    for (const [gauge, named] of Object.entries(GAUGES)) {
      new Gauge({
        ...family(named),
        collect() {
          for (const task of tasks()) this.set(task.labels, task.gauge(gauge as TaskGauge));
        },
      });
    }
    new Counter({
      name: "kflow_spans_dropped_total",
      help: "Steps of traces that the collector did not take in time",
      registers,
      collect() {
        this.reset();
        this.inc(spansDropped());
      },
    });
    new Gauge({
      name: "kflow_ready",
      help: "1 while /readyz says that the process can be given work, else 0",
      registers,
      async collect() {
        this.set(await isReady() ? 1 : 0);
      },
    });
    new Gauge({
      name: "kflow_build_info",
      help: "Always 1; the labels say what runs",
      labelNames: ["version", "platform"],
      registers,
    }).set(build, 1);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  task(labels: TaskLabels): TaskTally {
    const key = `${labels.flow} ${labels.task}`;
    let tally = this.#tasks.get(key);
    if (tally === undefined) this.#tasks.set(key, tally = new TaskTally(labels));
    return tally;
  }

  tasksWith(gauge: TaskGauge): string[] {
    return [...this.#tasks.values()].filter((task) => task.gauge(gauge) > 0)
      .map(({ labels }) => labels.function);
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

/**
 * A histogram whose buckets are counted elsewhere: `observe` of prom-client makes a text of the labels each time, which is a
 * good part of what the runtime takes for a record.
 */
class TalliedHistogram extends Histogram<Label> {
  readonly #name: string;
  readonly #help: string;
  readonly #time: Time;
  readonly #tasks: () => Iterable<TaskTally>;

  constructor(
    [name, help]: readonly [string, string],
    time: Time,
    tasks: () => Iterable<TaskTally>,
  ) {
    super({ name, help, labelNames: LABELS, buckets: [...BUCKETS_MS], registers: [] });
    this.#name = name;
    this.#help = help;
    this.#time = time;
    this.#tasks = tasks;
  }

  /** What prom-client asks for, here and in its own `get`. Not in its types. */
  getForPromString() {
    const values = [...this.#tasks()].flatMap((task) =>
      valuesOf(this.#name, task.labels, task.times[this.#time])
    );
    return Promise.resolve({ name: this.#name, help: this.#help, type: "histogram", values });
  }
}

function valuesOf(name: string, labels: Record<Label, string>, tally: TimeTally) {
  let below = 0;
  const buckets = [...BUCKETS_MS, "+Inf"].map((le, i) => ({
    metricName: `${name}_bucket`,
    labels: { le, ...labels },
    value: below += tally.buckets[i]!,
  }));
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: tally.sum },
    { metricName: `${name}_count`, labels, value: below },
  ];
}
