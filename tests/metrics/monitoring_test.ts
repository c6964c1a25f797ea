import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PrometheusMetrics } from "../../src/metrics/prometheus.ts";
import { promtool } from "../support/data/promtool.ts";
import { serverSkip } from "../support/servers/server_binary.ts";

const FOLDER = fileURLToPath(new URL("../../docs/monitoring/", import.meta.url));

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

async function dashboard(): Promise<
  { panels: Panel[]; templating: { list: { query: unknown }[] } }
> {
  return JSON.parse(await readFile(join(FOLDER, "dashboard.json"), "utf8"));
}

/** Every name that a scrape has, with the parts of a histogram. */
async function exportedNames(): Promise<Set<string>> {
  const metrics = new PrometheusMetrics({ version: "1", platform: "test" });
  metrics.task({ flow: "f", task: "t" });
  const names = [...(await metrics.text()).matchAll(/^([a-z_]+)[{ ]/gm)].map(([, name]) => name!);
  return new Set(names);
}

/** The names of metrics in an expression: what stands before labels, a range, or an operator. */
function namesIn(expression: string): string[] {
  return expression.match(/\b(events|function|kflow)_[a-z_]+/g) ?? [];
}

async function expressions(): Promise<string[]> {
  const { panels } = await dashboard();
  return panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
}

describe("the dashboard in docs/monitoring", () => {
  it("uses no metric that we do not export, and every one that we do", async () => {
    const exported = await exportedNames();
    const { templating } = await dashboard();
    const used = new Set(
      [...await expressions(), JSON.stringify(templating)].flatMap(namesIn),
    );
    assert.deepEqual([...used].filter((name) => !exported.has(name)), []);
    const unused = [...exported].filter((name) => !used.has(name) && !/_(sum|count)$/.test(name));
    assert.deepEqual(unused, []);
  });

  it("has a title and an expression in each panel", async () => {
    const { panels } = await dashboard();
    assert.ok(panels.length > 20);
    for (const { type, title, targets = [] } of panels) {
      assert.notEqual(title, "");
      assert.equal(type === "row", targets.length === 0, title);
    }
  });

  it("has expressions that Prometheus understands", { skip: serverSkip("promtool") }, async () => {
    const rules = (await expressions()).map((expr, i) => ({
      record: `panel:${i}`,
      expr: expr.replaceAll("$__rate_interval", "5m").replaceAll("$__range", "1h"),
    }));
    const folder = await mkdtemp(join(tmpdir(), "kflow-dashboard-"));
    try {
      const file = join(folder, "rules.yaml");
      await writeFile(file, JSON.stringify({ groups: [{ name: "panels", rules }] }));
      const { status, output } = await promtool(["check", "rules", file]);
      assert.equal(status, 0, output);
      assert.match(output, new RegExp(`SUCCESS: ${rules.length} rules found`));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("the alert rules in docs/monitoring", () => {
  it("use no metric that we do not export", async () => {
    const exported = await exportedNames();
    const rules = await readFile(join(FOLDER, "alerts.yaml"), "utf8");
    const used = namesIn(rules.replaceAll(/^ *(summary|description):.*$/gm, ""));
    assert.ok(used.length > 10);
    assert.deepEqual(used.filter((name) => !exported.has(name)), []);
  });

  it("are each tested", async () => {
    const [rules, tests] = await Promise.all(
      ["alerts.yaml", "alerts_test.yaml"].map((name) => readFile(join(FOLDER, name), "utf8")),
    );
    const names = [...rules!.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!);
    assert.equal(names.length, 8);
    for (const name of names) {
      assert.match(
        tests!,
        new RegExp(`alertname: ${name}\\s+eval_time: \\w+\\s+exp_alerts:`),
        name,
      );
    }
  });

  it("pass their tests", { skip: serverSkip("promtool") }, async () => {
    const { status, output } = await promtool(["test", "rules", join(FOLDER, "alerts_test.yaml")]);
    assert.equal(status, 0, output);
    assert.match(output, /SUCCESS/);
  });
});
