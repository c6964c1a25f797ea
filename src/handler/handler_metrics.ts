import type { MetricsPage, ProcessState, TaskMetrics } from "../metrics/metrics.ts";
import { TaskTally } from "../metrics/task_tally.ts";
import type { TaskPlan } from "../pipeline/plan/plan.ts";
import type { TaskProgress } from "../runtime/progress/task_progress.ts";

/** Counts of one run of some tasks: given up when the run is over, so that a handler that runs often does not grow. */
export interface CountedSession {
  metricsOf(task: TaskPlan): TaskMetrics;
  started(): void;
  /** What is counted where; to be set when it is known. */
  progress: readonly TaskProgress[];
  end(): void;
}

/** The counts of a handler by task. What makes a page of them is loaded when somebody asks for one. */
export class HandlerMetrics {
  readonly #flow: string;
  readonly #build: { version: string; platform: string };
  /** By flow and task with a space between, as `PrometheusMetrics` has them. */
  readonly #tallies = new Map<string, TaskTally>();
  #page?: Promise<MetricsPage>;
  readonly #state: Partial<ProcessState>;

  constructor(
    flow: string,
    build: { version: string; platform: string },
    state: Partial<ProcessState> = {},
  ) {
    this.#flow = flow;
    this.#build = build;
    this.#state = state;
  }

  of(task: TaskPlan): TaskTally {
    const key = `${this.#flow} ${task.id}`;
    let tally = this.#tallies.get(key);
    if (tally === undefined) {
      tally = new TaskTally({
        flow: this.#flow,
        task: task.id,
        source: task.kind === "source",
      });
      this.#tallies.set(key, tally);
    }
    return tally;
  }

  session(...tasks: readonly TaskPlan[]): CountedSession {
    const session: CountedSession = {
      metricsOf: (task) => this.of(task),
      started: () => {},
      progress: [],
      end: () => {
        for (const { task, counts } of session.progress) {
          const plan = tasks.find(({ id }) => id === task);
          if (plan !== undefined) this.of(plan).unfollow(counts);
        }
      },
    };
    return session;
  }

  page(): Promise<MetricsPage> {
    return this.#page ??= this.#loadPage();
  }

  async #loadPage(): Promise<MetricsPage> {
    const { PrometheusMetrics } = await import("../metrics/prometheus.ts");
    return new PrometheusMetrics(this.#build, { ...this.#state, counted: this.#tallies });
  }
}
