import type { GaugeValue, TaskGauge, TaskMetrics } from "../metrics/metrics.ts";

/** What a worker holds, asked for when a test wants to know. */
export class KitGauges implements TaskMetrics {
  readonly #values = new Map<TaskGauge, GaugeValue>();

  get(gauge: TaskGauge): number {
    const value = this.#values.get(gauge) ?? 0;
    return typeof value === "function" ? value() : value;
  }

  set(gauge: TaskGauge, value: GaugeValue): void {
    this.#values.set(gauge, value);
  }

  processed(): void {}
  downloaded(): void {}
  total(): void {}
  follow(): void {}
}
