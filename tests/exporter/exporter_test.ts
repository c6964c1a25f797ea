import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { FetchHandler, Host } from "../../src/host.ts";
import { Exporter, type ExporterOptions } from "../../src/exporter/exporter.ts";
import { createLogger } from "../../src/base/log.ts";
import { PrometheusMetrics } from "../../src/metrics/prometheus.ts";
import type { Plan } from "../../src/pipeline/plan/plan.ts";
import { TaskProgress } from "../../src/runtime/progress/task_progress.ts";
import { planOf } from "../support/in_process/flow.ts";

const OVERVIEW = new URL("../pipeline/fixtures/overview.yaml", import.meta.url);

/** A host that only serves, unless a port is taken. */
class Ports {
  readonly open = new Map<number, FetchHandler>();
  constructor(readonly taken: readonly number[] = []) {}

  readonly host = {
    serve: (handler: FetchHandler, { port }: { port: number }) => {
      if (this.taken.includes(port)) return Promise.reject(new Error("EADDRINUSE"));
      this.open.set(port, handler);
      return Promise.resolve({
        port,
        close: () => Promise.resolve(void this.open.delete(port)),
      });
    },
  } as Partial<Host> as Host;

  async get(port: number, path: string): Promise<string> {
    const response = await this.open.get(port)!(new Request(`http://localhost${path}`));
    return `${response.status} ${await response.text()}`;
  }
}

async function planWith(describeMetrics: string): Promise<Plan> {
  return await planOf(`
metrics: {enabled: true, port: 9100}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: list, type: fs-source, format: list, topics: "s3a://docs", out: [show, other]}
  - {id: show, type: print}
  - {id: other, type: print, globalConfig: {metrics: ${describeMetrics}}}
`);
}

async function start(plan: Plan, ports: Ports, stop = new AbortController().signal) {
  const lines: string[] = [];
  const log = createLogger({ write: (line) => void lines.push(line) });
  const makeMetrics: ExporterOptions["makeMetrics"] = (state) =>
    new PrometheusMetrics({ version: "0", platform: "test" }, state);
  const { tasks } = plan;
  const exporter = await Exporter.start({ plan, tasks, host: ports.host, log, stop, makeMetrics });
  return { exporter, lines };
}

describe("Exporter", () => {
  it("serves what the overview of the product document asks for", async () => {
    const plan = await planOf(await readFile(OVERVIEW, "utf8"));
    const ports = new Ports();
    const { exporter } = await start(plan, ports);
    assert.deepEqual([...ports.open.keys()], [9002]);
    for (const task of plan.tasks) new TaskProgress(task.id, exporter.metricsOf(task)).add("out");
    const text = await ports.get(9002, "/metrics");
    assert.match(text, /^events_total\{flow="pipeline",function="read-source"\} 1$/m);
    assert.match(text, /^kflow_out_total\{flow="pipeline",function="process"\} 1$/m);
    await exporter.close();
    assert.equal(ports.open.size, 0);
  });

  it("is ready once started, while the broker is connected, until it drains", async () => {
    const ports = new Ports();
    const stop = new AbortController();
    const { exporter } = await start(await planWith("{}"), ports, stop.signal);
    assert.equal(await ports.get(9100, "/readyz"), "503 not ready: starting\n");
    let connected = true;
    exporter.started({ broker: { isConnected: () => connected }, stores: [] });
    assert.equal(await ports.get(9100, "/readyz"), "200 ready\n");
    assert.match(await ports.get(9100, "/metrics"), /^kflow_ready 1$/m);
    connected = false;
    assert.equal(await ports.get(9100, "/readyz"), "503 not ready: no connection to the broker\n");
    assert.match(await ports.get(9100, "/metrics"), /^kflow_ready 0$/m);
    connected = true;
    stop.abort();
    assert.equal(await ports.get(9100, "/readyz"), "503 not ready: stopping\n");
    assert.equal(await ports.get(9100, "/livez"), "200 alive\n");
  });

  it("counts the spans that were dropped, of its tasks and from the start", async () => {
    const ports = new Ports();
    const { exporter } = await start(await planWith("{}"), ports);
    assert.match(await ports.get(9100, "/metrics"), /^kflow_spans_dropped_total 0$/m);
    const spans = { dropped: 3 };
    exporter.started({ broker: { isConnected: () => true }, stores: [] }, spans);
    for (const count of [3, 5]) {
      spans.dropped = count;
      const line = new RegExp(`^kflow_spans_dropped_total ${count}$`, "m");
      assert.match(await ports.get(9100, "/metrics"), line);
    }
  });

  it("is not ready while a store is away, and says in the log which, once", async () => {
    const ports = new Ports();
    const { exporter, lines } = await start(await planWith("{}"), ports);
    const store = (address: string, check: () => Promise<void>) => ({ address, check });
    exporter.started({
      broker: { isConnected: () => true },
      stores: [
        store("http://here:9000", () => Promise.resolve()),
        store("http://away:9000", () => Promise.reject(new Error("ECONNREFUSED"))),
      ],
    });
    for (let i = 0; i < 2; i++) {
      assert.equal(
        await ports.get(9100, "/readyz"),
        "503 not ready: a store does not answer; the log has its address\n",
      );
    }
    const said = lines.filter((line) => line.includes("does not answer"));
    assert.equal(said.length, 1);
    assert.match(said[0]!, /http:\/\/away:9000/);
  });

  it("is not alive while a worker of a task is stalled, unless it drains", async () => {
    const ports = new Ports();
    const stop = new AbortController();
    const plan = await planWith("{port: 9200}");
    const { exporter } = await start(plan, ports, stop.signal);
    const [, show, other] = plan.tasks.map((task) => exporter.metricsOf(task)!);
    let stalled = 0;
    show!.set("stalled", () => stalled);
    other!.set("stalled", 0);
    assert.equal(await ports.get(9100, "/livez"), "200 alive\n");
    stalled = 1;
    const answer = "503 not alive: no step for three ack waits though records wait: show\n";
    for (const port of [9100, 9200]) assert.equal(await ports.get(port, "/livez"), answer);
    stop.abort();
    assert.equal(await ports.get(9100, "/livez"), "200 alive\n");
  });

  it("goes on without a port that is taken, and counts nothing for its tasks", async () => {
    const plan = await planWith("{port: 9200}");
    const ports = new Ports([9200]);
    const { exporter, lines } = await start(plan, ports);
    const [list, show, other] = plan.tasks;
    assert.ok(exporter.metricsOf(list!) && exporter.metricsOf(show!));
    assert.equal(exporter.metricsOf(other!), undefined);
    assert.equal(lines.filter((line) => line.includes("WARNING")).length, 1);
  });

  it("lets go of its other ports where a required one is taken", async () => {
    const ports = new Ports([9200]);
    const plan = await planWith("{port: 9200, required: true}");
    await assert.rejects(start(plan, ports), {
      name: "StartError",
      message: "Cannot serve metrics on port 9200: EADDRINUSE; give another with metrics.port, " +
        "or take out metrics.required to run without",
    });
    assert.equal(ports.open.size, 0);
  });
});
