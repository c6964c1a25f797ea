import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { TaskCounts } from "../../src/metrics/metrics.ts";
import { PrometheusMetrics } from "../../src/metrics/prometheus.ts";

const NONE: TaskCounts = {
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
const BUILD = { version: "1.2.3", platform: "test" };

describe("PrometheusMetrics", () => {
  it("has the names of the product document and ours", async () => {
    const metrics = new PrometheusMetrics(BUILD);
    metrics.task({ flow: "f", task: "t" });
    const types = [...(await metrics.text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    assert.deepEqual(Object.fromEntries(types.map(([, name, type]) => [name, type])), {
      events_total: "counter",
      function_processing_time_ms: "histogram",
      function_downloading_time_ms: "histogram",
      function_total_time_ms: "histogram",
      kflow_in_total: "counter",
      kflow_out_total: "counter",
      kflow_acked_total: "counter",
      kflow_nacked_total: "counter",
      kflow_redelivered_total: "counter",
      kflow_dead_letters_total: "counter",
      kflow_errors_total: "counter",
      kflow_duplicates_total: "counter",
      kflow_purged_total: "counter",
      kflow_unreported_total: "counter",
      kflow_blocked_total: "counter",
      kflow_spans_dropped_total: "counter",
      kflow_pending: "gauge",
      kflow_ack_pending: "gauge",
      kflow_oldest_waiting_seconds: "gauge",
      kflow_in_flight: "gauge",
      kflow_slots: "gauge",
      kflow_build_info: "gauge",
      kflow_bulk_buffered: "gauge",
      kflow_held: "gauge",
      kflow_stalled_workers: "gauge",
      kflow_alone: "gauge",
      kflow_unreported: "gauge",
      kflow_ready: "gauge",
    });
    assert.equal(metrics.contentType, "text/plain; version=0.0.4; charset=utf-8");
  });

  it("gives every metric a help text and, but for what is of the whole process, the labels flow and function", async () => {
    const metrics = new PrometheusMetrics(BUILD);
    metrics.task({ flow: "f", task: "t" });
    const text = await metrics.text();
    assert.equal(
      text.match(/^# HELP \S+ \S/gm)!.length,
      text.match(/^# TYPE /gm)!.length,
    );
    for (const line of text.split("\n").filter((each) => /^[a-z]/.test(each))) {
      if (/^kflow_(build_info|ready|spans_dropped_total)\b/.test(line)) continue;
      assert.match(line, /\{(le="[^"]+",)?flow="f",function="t"\} 0$/);
    }
    assert.match(text, /^kflow_build_info\{version="1.2.3",platform="test"\} 1$/m);
  });

  it("counts times in cumulative buckets from 1 to 600000 ms", async () => {
    const metrics = new PrometheusMetrics(BUILD);
    const task = metrics.task({ flow: "f", task: "t" });
    for (const time of [0.5, 1, 1.5, 700_000]) task.processed(time);
    const text = await metrics.text();
    const buckets = [
      ...text.matchAll(/^function_processing_time_ms_bucket\{le="([^"]+)".* (\d+)$/gm),
    ]
      .map(([, le, count]) => `${le}:${count}`);
    assert.deepEqual([...buckets.slice(0, 3), ...buckets.slice(-2)], [
      "1:2",
      "2:3",
      "5:3",
      "600000:3",
      "+Inf:4",
    ]);
    assert.equal(buckets.length, 19);
    assert.match(text, /^function_processing_time_ms_sum\{flow="f",function="t"\} 700003$/m);
    assert.match(text, /^function_processing_time_ms_count\{flow="f",function="t"\} 4$/m);
    assert.match(text, /^function_downloading_time_ms_count\{.*\} 0$/m);
    assert.match(text, /^events_total\{flow="f",function="t"\} 4$/m);
  });

  it("keeps the time of downloads and the total apart", async () => {
    const metrics = new PrometheusMetrics(BUILD);
    const task = metrics.task({ flow: "f", task: "t" });
    task.downloaded(3);
    task.total(8);
    const text = await metrics.text();
    assert.match(text, /^function_downloading_time_ms_sum\{.*\} 3$/m);
    assert.match(text, /^function_total_time_ms_sum\{.*\} 8$/m);
    assert.match(text, /^events_total\{.*\} 0$/m);
  });

  it("takes what a source has made for its events", async () => {
    const metrics = new PrometheusMetrics(BUILD);
    metrics.task({ flow: "f", task: "s", source: true }).follow({ ...NONE, out: 3 });
    metrics.task({ flow: "f", task: "t" }).follow({ ...NONE, out: 5 });
    const text = await metrics.text();
    assert.match(text, /^events_total\{flow="f",function="s"\} 3$/m);
    assert.match(text, /^events_total\{flow="f",function="t"\} 0$/m);
  });

  it("gives the same counts for the same task, and says the same at every scrape", async () => {
    const metrics = new PrometheusMetrics(BUILD);
    metrics.task({ flow: "f", task: "t" }).follow({ ...NONE, acked: 2 });
    metrics.task({ flow: "f", task: "t" }).follow({ ...NONE, acked: 1 });
    metrics.task({ flow: "f", task: "t" }).set("pending", 7);
    let slots = 4;
    metrics.task({ flow: "f", task: "t" }).set("slots", () => slots);
    const first = await metrics.text();
    assert.match(first, /^kflow_acked_total\{flow="f",function="t"\} 3$/m);
    assert.match(first, /^kflow_pending\{flow="f",function="t"\} 7$/m);
    assert.match(first, /^kflow_slots\{flow="f",function="t"\} 4$/m);
    assert.equal(await metrics.text(), first);
    slots = 9;
    assert.match(await metrics.text(), /^kflow_slots\{.*\} 9$/m);
  });

  it("takes any number without throwing", async () => {
    const metrics = new PrometheusMetrics(BUILD);
    const task = metrics.task({ flow: "f", task: "t" });
    for (const odd of [NaN, Infinity, -Infinity, -1]) {
      task.processed(odd);
      task.downloaded(odd);
      task.total(odd);
      task.set("pending", odd);
    }
    const text = await metrics.text();
    assert.match(text, /^function_processing_time_ms_sum\{.*\} 0$/m);
    assert.match(text, /^function_processing_time_ms_count\{.*\} 4$/m);
  });

  it("has a registry of its own", async () => {
    const [one, other] = [new PrometheusMetrics(BUILD), new PrometheusMetrics(BUILD)];
    one.task({ flow: "f", task: "t" }).follow(NONE);
    assert.doesNotMatch(await other.text(), /function="t"/);
  });
});
