import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { PrometheusMetrics } from "../../src/metrics/prometheus.ts";
import { promtool } from "../support/data/promtool.ts";
import { serverSkip } from "../support/servers/server_binary.ts";

/** What it has to say of a page: the metric, and the rule that it breaks. */
async function complaintsOf(text: string): Promise<string[]> {
  const { output } = await promtool(["check", "metrics"], text);
  return output.split("\n").filter((line) => line !== "").sort();
}

describe("promtool check metrics", { skip: serverSkip("promtool") }, () => {
  it("finds nothing but the milliseconds in the three names of the product document", async () => {
    const metrics = new PrometheusMetrics({ version: "1.2.3", platform: "test" });
    metrics.task({ flow: "f", task: "t" }).processed(3);
    const names = ["downloading", "processing", "total"].map((time) => `function_${time}_time_ms`);
    const allowed = names.flatMap((name) => [
      `${name} metric names should not contain abbreviated units`,
      `${name} use base unit "seconds" instead of "milliseconds"`,
    ]);
    const complaints = await complaintsOf(await metrics.text());
    assert.deepEqual(complaints.filter((line) => !allowed.includes(line)), []);
    for (const name of names) assert.ok(complaints.some((line) => line.startsWith(name)), name);
  });

  it("would find a metric without help, and a counter that is not called a total", async () => {
    const page = "# TYPE kflow_odd counter\nkflow_odd 1\n";
    assert.deepEqual(await complaintsOf(page), [
      'kflow_odd counter metrics should have "_total" suffix',
      "kflow_odd no help text",
    ]);
  });
});
