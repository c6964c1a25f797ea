import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { Broker } from "../../../src/broker/broker.ts";
import { createMemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import { connectNats } from "../../../src/broker/nats/nats_broker.ts";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { countsOf } from "../../support/commands/quickstart.ts";
import { eventually } from "../../support/waiting.ts";
import { type FlowOptions, runFlow } from "../../support/in_process/flow.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { type OpenSearchServer, startOpenSearch } from "../../support/servers/opensearch_server.ts";
import { quiet } from "../../support/in_process/quiet_log.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";
import { startTcpProxy } from "../../support/servers/tcp_proxy.ts";

const LONG = { timeout: 150_000 };
const DOCUMENT = new URL("../../pipeline/fixtures/elastic-bulk.yaml", import.meta.url);
/** As in the product document. */
const BULK = "bulk.enabled: true, bulk.flush.timer: 1000, bulk.flush.size: 1000";

interface Row {
  n: number | bigint;
  text: string;
}

function rows(count: number, length = 5): Row[] {
  return Array.from({ length: count }, (_, n) => ({ n, text: "x".repeat(length) }));
}

// One server for both brokers, since it takes ten seconds to start.
describe("elastic-sink on OpenSearch", { skip: serverSkip("opensearch", "nats-server") }, () => {
  let server: OpenSearchServer;
  let nats: NatsServer;
  const brokers = new Map<string, Broker>();

  before(async () => {
    const starting = [
      startOpenSearch({ config: "http.max_content_length: 10kb" }).then((it) => server = it),
      startNats().then((it) => nats = it),
    ] as const;
    const ends = await Promise.allSettled(starting);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    brokers.set("embedded", createMemoryBroker());
    brokers.set(
      "NATS",
      await connectNats({ url: nats.wsUrl, kind: "websocket", log: quiet }),
    );
  }, LONG);
  after(async () => {
    for (const broker of brokers.values()) await broker.close();
    await nats?.stop();
    await server?.stop();
  });

  const name = (what: string) => `${what}-${crypto.randomUUID().slice(0, 8)}`;

  function flow(
    options: Partial<FlowOptions> & { index: string; flow?: string; meta?: string; made: unknown },
  ) {
    const { index, meta = BULK, made, ...rest } = options;
    return runFlow({
      yaml: `
mode: batch
name: ${options.flow ?? name("flow")}
globalConfig: {store: {addr: "memory:"}}
dag:
  - id: make
    type: raw-source
    module: ./make.ts
    out: [index]
    schema: '{"type":"record","name":"row","fields":[{"name":"n","type":"long"},{"name":"text","type":"string"}]}'
  - {id: index, type: elastic-sink, addr: "${server.endpoint}", topics: ${index}, meta: {${meta}}}
`,
      functions: { make: made },
      ...rest,
    });
  }

  const numbers = async (index: string) =>
    [...(await server.documents(index)).values()].map(({ n }) => Number(n)).sort((a, b) => a - b);
  const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

  it(
    "examples/elastic-bulk gives what its expected.txt says, run once or twice",
    LONG,
    async () => {
      const kflow = new CommandLine();
      const folder = await FlowFolder.make("elastic-bulk");
      try {
        const args = [
          "run",
          folder.file("pipeline.yaml"),
          "--set",
          `dag.index.addr=${server.endpoint}`,
        ];
        const expected = new TextDecoder().decode(await folder.read("expected.txt"));
        for (let run = 0; run < 2; run++) {
          const { status, stdout, stderr } = await kflow.run(args);
          assert.equal(status, 0, stderr);
          assert.deepEqual(countsOf(stdout, "index"), [12, 0, 0, 0, 0]);
          const documents = [...await server.documents("cities")].sort(([a], [b]) =>
            a < b ? -1 : 1
          );
          const lines = documents.map(([id, source]) => `${id} ${JSON.stringify(source)}\n`);
          assert.equal(lines.join(""), expected);
        }
      } finally {
        await kflow.endAll();
        await folder.remove();
      }
    },
  );

  it("runs elastic-bulk.yaml of the product document", LONG, async () => {
    const kflow = new CommandLine();
    const folder = await FlowFolder.make();
    try {
      await folder.write("elastic-bulk.yaml", await readFile(DOCUMENT));
      for (const key of ["a.txt", "b/c.txt"]) await folder.write(`data/docs/${key}`, key);
      const { status, stdout, stderr } = await kflow.run([
        "run",
        folder.file("elastic-bulk.yaml"),
        "--set",
        "dag.list.addr=file:./data",
        "--set",
        `dag.elastic.addr=${server.endpoint}`,
      ]);
      assert.equal(status, 0, stderr);
      assert.ok(!`${stdout}${stderr}`.includes("mypassword"));
      const documents = [...(await server.documents("basic-runtime-test")).values()];
      assert.deepEqual(documents.map(({ key }) => key).sort(), ["a.txt", "b/c.txt"]);
      assert.deepEqual(documents.map(({ bucket }) => bucket), ["docs", "docs"]);
    } finally {
      await kflow.endAll();
      await folder.remove();
    }
  });

  it(
    "a worker that starts before its server waits for it, and a run says that there is none",
    LONG,
    async () => {
      const kflow = new CommandLine();
      const folder = await FlowFolder.make("elastic-bulk");
      const proxy = await startTcpProxy(Number(new URL(server.endpoint).port));
      try {
        await proxy.down();
        const file = folder.file("pipeline.yaml");
        const addr = `http://127.0.0.1:${proxy.port}`;
        const set = ["--set", `dag.index.addr=${addr}`, "--set", "dag.index.topics=late"];
        const alone = await kflow.run(["run", file, ...set]);
        assert.equal(alone.status, 1);
        assert.match(alone.stderr, /^Cannot open task "index": http:\S+: it cannot be reached: /m);

        const env = { KFLOW_NATS_ADDR: nats.wsUrl };
        assert.equal(
          (await kflow.run(["worker", file, "--task", "cities", ...set], { env })).status,
          0,
        );
        const worker = kflow.start(["worker", file, "--task", "index", ...set], { env });
        await worker.sees(/trying again in .*it cannot be reached/);
        await proxy.up();
        const { status, stderr } = await worker.end();
        assert.equal(status, 0, stderr);
        assert.equal((await server.documents("late")).size, 12);
      } finally {
        await kflow.endAll();
        await proxy.stop();
        await folder.remove();
      }
    },
  );

  for (const on of ["embedded", "NATS"]) {
    const given = () => ({ broker: brokers.get(on)! });

    it(
      `writes 2500 records with the product document's settings, in pieces of less than 10 KiB (413), on ${on}`,
      LONG,
      async () => {
        const index = name("plain");
        const { task } = await flow({ ...given(), index, made: rows(2500) });
        assert.deepEqual(await numbers(index), upTo(2500));
        assert.equal(task("index").counts.acked, 2500);
        assert.equal(task("index").counts.errors, 0);
      },
    );

    it(
      `a mapping conflict is a dead letter, and the 999 others are there, on ${on}`,
      LONG,
      async () => {
        const index = name("conflict");
        await server.ask("PUT", `/${index}`, {
          mappings: { properties: { n: { type: "integer" } } },
        });
        const made = rows(1000);
        made[123]!.n = 5_000_000_000;
        const { task } = await flow({ ...given(), index, made });
        assert.deepEqual(await numbers(index), upTo(1000).filter((n) => n !== 123));
        assert.equal(task("index").counts.acked, 1000);
        const [letter, ...more] = task("index").deadLetters;
        assert.equal(more.length, 0);
        assert.equal(letter!.attempts, 1);
        assert.match(
          letter!.error,
          /400 \(mapper_parsing_exception: failed to parse field \[n\].*out of range/,
        );
      },
    );

    it(
      `what is too large for the server alone is a dead letter that says so, on ${on}`,
      LONG,
      async () => {
        const index = name("large");
        const made = rows(50, 1000);
        made[7]!.text = "y".repeat(20_000);
        const { task } = await flow({ ...given(), index, made });
        assert.deepEqual(await numbers(index), upTo(50).filter((n) => n !== 7));
        assert.match(task("index").deadLetters[0]!.error, /raise http\.max_content_length$/);
      },
    );

    it(`the same records again are the same documents, on ${on}`, LONG, async () => {
      const index = name("again");
      const flowName = name("flow");
      for (const run of ["one", "two"]) {
        const { task } = await flow({
          ...given(),
          index,
          flow: flowName,
          run,
          meta: `${BULK}, document.id: "row-{n}"`,
          made: rows(100),
        });
        assert.equal(task("index").counts.acked, 100);
      }
      const documents = await server.documents(index);
      assert.deepEqual([...documents.keys()].sort(), upTo(100).map((n) => `row-${n}`).sort());
      const found = await server.ask("GET", `/${index}/_doc/row-1`);
      assert.equal(found._version, 2);
    });

    it(`a record that is handed over again is one document, on ${on}`, LONG, async () => {
      const index = name("redelivered");
      const made = rows(20);
      const flowName = name("flow");
      const stop = new AbortController();
      const first = await flow({
        ...given(),
        index,
        flow: flowName,
        made,
        stop: stop.signal,
        tasks: {
          index: {
            kind: "process",
            process: {
              async flush(records, ctx) {
                // As the sink does it, up to the moment at which the worker dies.
                const lines = records.map((_, n) =>
                  JSON.stringify({ create: { _id: ctx.of(n).delivery.id } }) + "\n" +
                  JSON.stringify(ctx.of(n).recordAsJson()) + "\n"
                );
                const answer = await fetch(`${server.endpoint}/${index}/_bulk`, {
                  method: "POST",
                  headers: { "content-type": "application/x-ndjson" },
                  body: lines.join(""),
                });
                assert.equal((await answer.json()).errors, false);
                stop.abort();
                throw new Error("not acknowledged");
              },
              process: () => assert.fail("no bulk"),
            },
          },
        },
      });
      assert.equal(first.task("index").counts.acked, 0);
      const second = await flow({ ...given(), index, flow: flowName, made });
      assert.equal(second.task("index").counts.acked, 20);
      assert.ok(second.task("index").counts.redelivered > 0);
      assert.deepEqual(await numbers(index), upTo(20));
    });

    it(`a data stream takes the records, on ${on}`, LONG, async () => {
      const index = name("stream");
      await server.ask("PUT", `/_index_template/${index}`, {
        index_patterns: [index],
        data_stream: { timestamp_field: { name: "n" } },
        template: { mappings: { properties: { n: { type: "date" } } } },
      });
      const { task } = await flow({ ...given(), index, made: rows(30) });
      assert.equal(task("index").counts.acked, 30);
      assert.deepEqual(await numbers(index), upTo(30));
    });

    it(`a long beyond 2^53 is exact, on ${on}`, LONG, async () => {
      const index = name("long");
      await flow({ ...given(), index, made: [{ n: 9_007_199_254_740_993n, text: "" }] });
      const field = await server.ask("GET", `/${index}/_mapping`);
      assert.match(JSON.stringify(field), /"n":\{"type":"long"\}/);
      await server.documents(index);
      const exact = await server.ask("GET", `/${index}/_count?q=n:9007199254740993`);
      const other = await server.ask("GET", `/${index}/_count?q=n:9007199254740992`);
      assert.deepEqual([exact.count, other.count], [1, 0]);
    });

    it(
      `the server is killed in the middle of a bulk and started again: every document is there once, on ${on}`,
      LONG,
      async () => {
        const index = name("killed");
        const count = 4000;
        let killed: Promise<void> | undefined;
        const { task, logged } = await flow({
          ...given(),
          index,
          meta: `${BULK}, max.attempts: 1`,
          made: async function* () {
            yield* rows(count / 2);
            // Some of them, and not all.
            await eventually(
              async () => {
                const found = await server.ask("GET", `/${index}/_stats/indexing`).catch(() =>
                  undefined
                );
                return /"index_total":[1-9]/.test(JSON.stringify(found ?? {}));
              },
              "the first documents",
              30_000,
            );
            killed = server.kill().then(() => server.restart());
            yield* rows(count).slice(count / 2);
          },
        });
        assert.ok(killed !== undefined);
        assert.ok(logged.some(({ message }) => /is away, trying again/.test(String(message))));
        await killed;
        assert.deepEqual(await numbers(index), upTo(count));
        assert.equal(task("index").counts.acked, count);
        assert.equal(task("index").counts.dead, 0);
      },
    );
  }
});
