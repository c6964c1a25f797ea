import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { CommandLine } from "../../support/commands/command.ts";
import { RUNTIMES } from "../../support/runtimes.ts";
import { eventually } from "../../support/waiting.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { freePort } from "../../support/servers/free_port.ts";
import { SLOW_MODULE } from "../../support/commands/quickstart.ts";
import { newSecret } from "../../support/run_record.ts";
import {
  attributeOf,
  type SpanCollector,
  startSpanCollector,
} from "../../support/servers/span_collector.ts";

describe("OTEL_EXPORTER_OTLP_ENDPOINT", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;
  let collector: SpanCollector;
  beforeEach(async () => {
    folder = await FlowFolder.make("quickstart");
    collector = await startSpanCollector();
  });
  afterEach(async () => {
    await kflow.endAll();
    await folder.remove();
    await collector.stop();
  });

  for (const runtime of RUNTIMES) {
    it(`gets the spans of a whole run on ${runtime}`, async () => {
      const secret = newSecret();
      const { status, stdout, stderr } = await kflow.run(["run", folder.file("pipeline.yaml")], {
        runtime,
        env: {
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
          OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${secret}`,
          OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test",
        },
      });
      assert.equal(status, 0, stderr);
      assert.ok(!(stdout + stderr).includes(secret));
      const spans = collector.spans();
      const counts = Object.groupBy(spans, ({ name }) => name);
      assert.deepEqual(
        Object.entries(counts).map(([name, all]) => [name, all!.length]).sort(),
        [["process describe", 32], ["process store", 32], ["send list", 32]],
      );
      const byId = new Map(spans.map((span) => [span.spanId, span]));
      for (const store of counts["process store"]!) {
        const describe = byId.get(store.parentSpanId!)!;
        const list = byId.get(describe.parentSpanId!)!;
        assert.equal(list.parentSpanId, undefined);
        assert.deepEqual([describe.traceId, list.traceId], [store.traceId, store.traceId]);
        assert.equal(attributeOf(store, "kflow.flow"), "quickstart");
      }
      for (const { headers, body, path } of collector.requests) {
        assert.equal(path, "/v1/traces");
        assert.equal(headers.authorization, `Bearer ${secret}`);
        const { resource } = JSON.parse(new TextDecoder().decode(body)).resourceSpans[0];
        const names = Object.fromEntries(
          resource.attributes.map(({ key, value }: { key: string; value: object }) => [
            key,
            Object.values(value)[0],
          ]),
        );
        assert.equal(names["service.name"], "kflow");
        assert.equal(names["deployment.environment"], "test");
        assert.match(names["service.version"], /^\d+\.\d+\.\d+/);
      }
    });

    it(
      `costs a run on ${runtime} nothing but lines in the log if no collector answers`,
      async () => {
        await collector.stop();
        const end = await kflow.run(["run", folder.file("pipeline.yaml")], {
          runtime,
          env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint },
        });
        assert.equal(end.status, 0, end.stderr);
        assert.match(end.stderr, /Cannot send spans/);
        assert.match(end.stderr, /"message":"Spans were dropped","count":96/);
        assert.equal((await folder.files("data/results")).size, 32);
      },
    );
  }

  it("is counted in /metrics with what it does not take", async () => {
    await collector.stop();
    collector = await startSpanCollector((_request, response) => response.writeHead(400).end("no"));
    await folder.write("slow.ts", SLOW_MODULE);
    const port = await freePort();
    const args = ["run", folder.file("pipeline.yaml"), "--set", "dag.describe.module=./slow.ts"];
    args.push("--set", "metrics.enabled=true", "--set", `metrics.port=${port}`);
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, WORK_MS: "1000" };
    const run = kflow.start(args, { env });
    await run.sees('"Cannot send spans"');
    await eventually(async () => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      return /^kflow_spans_dropped_total [1-9]/m.test(text);
    }, "the spans that were dropped");
    run.signal("SIGTERM");
    const { status, stderr } = await run.end();
    assert.equal(status, 143, stderr);
  });
});
