import { reasonOf, StartError } from "../base/errors.ts";
import type { Host, Served } from "../host.ts";
import type { Logger } from "../base/log.ts";
import type { Metrics, MetricsPage, ProcessState, TaskMetrics } from "../metrics/metrics.ts";
import type { Plan, TaskPlan } from "../pipeline/plan/plan.ts";
import { createHttpApp } from "../http/http_app.ts";
import { Health, type Servers } from "./health.ts";

export interface ExporterOptions {
  plan: Plan;
  /** Tasks that run in this process. */
  tasks: readonly TaskPlan[];
  host: Host;
  log: Logger;
  /** Aborted when the process drains. */
  stop: AbortSignal;
  makeMetrics(state: ProcessState): Metrics & MetricsPage;
}

/** The exporter of one process: a server for each port that its tasks name. */
export class Exporter {
  readonly #options: ExporterOptions;
  readonly #metrics = new Map<number, Metrics>();
  readonly #servers: Served[] = [];
  readonly #health: Health;
  #spans?: { readonly dropped: number };

  private constructor(options: ExporterOptions) {
    this.#options = options;
    this.#health = new Health({
      stop: options.stop,
      log: options.log,
      metrics: () => this.#metrics.values(),
    });
  }

  /**
   * Listens on the ports of all tasks whose metrics are enabled. A port that cannot be had is logged, and its tasks run without.
   * @throws {StartError} if `metrics.required` is set for such a task.
   */
  static async start(options: ExporterOptions): Promise<Exporter> {
    const exporter = new Exporter(options);
    const enabled = options.tasks.filter(({ metrics }) => metrics.enabled);
    try {
      for (const port of new Set(enabled.map(({ metrics }) => metrics.port))) {
        const required = enabled.some(({ metrics }) => metrics.port === port && metrics.required);
        await exporter.#listen(port, required);
      }
    } catch (error) {
      await exporter.close();
      throw error;
    }
    return exporter;
  }

  /** Where a task counts; undefined if nobody can ask for it. */
  metricsOf(task: TaskPlan): TaskMetrics | undefined {
    if (!task.metrics.enabled) return undefined;
    return this.#metrics.get(task.metrics.port)?.task({
      flow: this.#options.plan.flowId,
      task: task.id,
      source: task.kind === "source",
    });
  }

  /** The workers have their servers: from now on the process is ready while these answer. @param spans Where its traces go; absent: nowhere. */
  started(servers: Servers, spans?: { readonly dropped: number }): void {
    this.#health.started(servers);
    this.#spans = spans;
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => server.close()));
  }

  async #listen(port: number, required: boolean): Promise<void> {
    const { host, log, makeMetrics } = this.#options;
    const health = this.#health;
    const metrics = makeMetrics({
      isReady: async () => await health.notReady() === undefined,
      spansDropped: () => this.#spans?.dropped ?? 0,
    });
    const app = createHttpApp({
      metrics,
      log,
      notAlive: () => health.notAlive(),
      notReady: () => health.notReady(),
    });
    try {
      this.#servers.push(await host.serve(app, { port }));
    } catch (error) {
      const remedy = "give another with metrics.port";
      if (required) {
        throw new StartError(
          `Cannot serve metrics on port ${port}: ${reasonOf(error)}; ${remedy}, ` +
            `or take out metrics.required to run without`,
          { cause: error },
        );
      }
      log.warning(`Cannot serve metrics on port ${port}, going on without: ${remedy}`, {
        reason: reasonOf(error),
      });
      return;
    }
    this.#metrics.set(port, metrics);
    log.info("Serving /metrics, /livez and /readyz", { port });
  }
}
