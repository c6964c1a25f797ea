import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Delivery } from "../../../src/broker/broker.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { AckError } from "../../../src/api/ack_error.ts";
import type { Context } from "../../../src/api/context.ts";
import { Trace } from "../../../src/runtime/records/trace.ts";
import { S3Store } from "../../../src/store/s3/s3_store.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { publish, receive } from "../../support/in_process/broker_probes.ts";
import { startFakeElastic } from "../../support/servers/elastic_probes.ts";
import { startFaultServer } from "../../support/servers/fault_server.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const N = '{"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}';
const number = new AvroCodec().parse(N);
const LISTED =
  '{"type": "record", "name": "l", "fields": [{"name": "bucket", "type": "string"}, {"name": "key", "type": "string"}]}';
const listed = new AvroCodec().parse(LISTED);
const ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const GIVEN = `00-${ID}-00f067aa0ba902b7-01`;

function deliveryWith(headers: Record<string, string>): Pick<Delivery, "header"> {
  return { header: (name) => headers[name] };
}

describe("Trace", () => {
  it("continues with the same id and flags, and with a span of its own", () => {
    const trace = Trace.of(deliveryWith({ traceparent: GIVEN, tracestate: "a=1" }))!;
    assert.equal(trace.id, ID);
    assert.match(trace.parent, new RegExp(`^00-${ID}-[0-9a-f]{16}-01$`));
    assert.notEqual(trace.parent, GIVEN);
    assert.deepEqual(trace.on({ x: "y" }), {
      x: "y",
      traceparent: trace.parent,
      tracestate: "a=1",
    });
    const other = Trace.of(deliveryWith({ traceparent: GIVEN }))!;
    assert.notEqual(other.parent, trace.parent);
    assert.deepEqual(Object.keys(other.on({})), ["traceparent"]);
  });

  it("reads a later version of the header as far as it knows it", () => {
    const later = Trace.of(deliveryWith({ traceparent: `cc-${ID}-00f067aa0ba902b7-01-more` }))!;
    assert.match(later.parent, new RegExp(`^00-${ID}-`));
  });

  const none = [
    "",
    "00",
    GIVEN.toUpperCase(),
    `${GIVEN}-more`,
    `ff-${ID}-00f067aa0ba902b7-01`,
    `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
    `00-${ID}-${"0".repeat(16)}-01`,
    `00-${ID}-00f067aa0ba902b7`,
  ];
  for (const given of none) {
    it(`ignores the invalid header ${JSON.stringify(given)}`, () => {
      assert.equal(Trace.of(deliveryWith({ traceparent: given })), undefined);
    });
  }
});

onBothBrokers("the trace of a message", (given) => {
  it(
    "is passed to outputs, side outs, error records, the context and log lines, a new span each time",
    async () => {
      const { broker } = given;
      const stream = `traced-${crypto.randomUUID().slice(0, 8)}`;
      const [topic, errors] = [`${stream}.in`, `${stream}.errors`];
      const room = { maxBytes: 1 << 20, duplicateWindowMs: 60_000 };
      await broker.ensureTopic({ subject: topic, ...room }, { create: true });
      const publisher = broker.publisher();
      const put = async (n: number, headers?: Record<string, string>) => {
        const message = {
          subject: topic,
          id: `${stream}-${n}`,
          body: number.encode({ n }),
          headers,
        };
        assert.equal(await publish(publisher, message), "stored");
      };
      await put(1, { traceparent: GIVEN, tracestate: "vendor=x" });
      await put(2);
      await put(3, { traceparent: GIVEN });

      const seen: Record<string, (string | undefined)[]> = { work: [], show: [], side: [] };
      const note = (name: string) => ({ n }: { n: number }, ctx: Context) => {
        seen[name]![n] = ctx.traceparent;
      };
      const { logged } = await runFlow({
        yaml: `
mode: batch
name: ${given.flowId()}
globalConfig:
  store: {addr: "memory:"}
  sideStream: {enabled: true, errorTopics: ${errors}, format: json}
dag:
  - {id: read, type: nats-source, topics: ${topic}, schema: '${N}', out: [work]}
  - id: work
    type: raw
    module: ./work.ts
    schema: '${N}'
    out: [show]
    sideOuts: [{id: notes, schema: '${
          N.replace('"name": "n", "fields"', '"name": "side", "fields"')
        }', out: [side]}]
  - {id: show, type: raw, module: ./show.ts}
  - {id: side, type: raw, module: ./side.ts}
`,
        broker,
        functions: {
          work(record: { n: number }, ctx: Context) {
            note("work")(record, ctx);
            ctx.log.info("worked", { n: record.n });
            if (record.n === 3) throw new AckError("no use");
            void ctx.toSideStream("notes", record);
            return record;
          },
          show: note("show"),
          side: note("side"),
        },
      });

      const spans = [GIVEN, seen.work![1], seen.show![1], seen.side![1], seen.work![3]];
      for (const span of spans) assert.match(span!, new RegExp(`^00-${ID}-[0-9a-f]{16}-01$`));
      assert.equal(new Set(spans).size, spans.length);
      assert.deepEqual([seen.work![2], seen.show![2], seen.side![2]], [
        undefined,
        undefined,
        undefined,
      ]);

      const lines = logged.filter(({ message }) => message === "worked");
      assert.deepEqual(lines.map(({ n, trace }) => [n, trace]), [[1, ID], [2, undefined], [3, ID]]);
      const [failed] = logged.filter(({ message }) =>
        message === "Record given up by the function"
      );
      assert.equal(failed!.trace, ID);

      const reader = await broker.read({
        stream,
        subject: errors,
        group: "reader",
        ackWaitMs: 30_000,
        maxAckPending: 10,
      });
      reader.slots = 10;
      const [record] = await receive(reader, 1);
      assert.match(record!.header("traceparent")!, new RegExp(`^00-${ID}-[0-9a-f]{16}-01$`));
      await reader.close();
    },
  );

  it("is passed to the requests of S3 and Elasticsearch that are made for it", async () => {
    const { broker } = given;
    const stream = `traced-${crypto.randomUUID().slice(0, 8)}`;
    const topic = `${stream}.in`;
    await broker.ensureTopic(
      { subject: topic, maxBytes: 1 << 20, duplicateWindowMs: 60_000 },
      { create: true },
    );
    const body = listed.encode({ bucket: "docs", key: "a" });
    const headers = { traceparent: GIVEN };
    assert.equal(
      await publish(broker.publisher(), { subject: topic, id: stream, body, headers }),
      "stored",
    );
    const s3 = await startFaultServer((request, response) => {
      if (request.path.includes("list-type")) {
        response.end("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
      } else if (request.method === "GET") {
        response.writeHead(200, { etag: '"e"', "content-length": "2" }).end("hi");
      } else {
        response.writeHead(200, { etag: '"e"' }).end();
      }
    });
    const elastic = await startFakeElastic();
    try {
      await runFlow({
        yaml: `
mode: batch
name: ${given.flowId()}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: read, type: nats-source, topics: ${topic}, schema: '${LISTED}', out: [work]}
  - id: work
    type: raw
    module: ./work.ts
    schema: '${LISTED}'
    globalConfig: {store: {autoDownload: true, buckets: [docs]}}
    out: [store, index]
  - {id: store, type: s3-sink, topics: "s3a://results"}
  - {id: index, type: elastic-sink, addr: "${elastic.endpoint}", topics: tests}
`,
        broker,
        store: new S3Store({ endpoint: s3.endpoint }),
        functions: {
          async work(record: unknown, ctx: Context) {
            const { body } = await ctx.store.get("docs", "b");
            await ctx.store.put("docs", "c", await new Response(body).bytes());
            return record;
          },
        },
      });
      const own = s3.requests.filter(({ path }) => !path.includes("list-type"));
      assert.deepEqual(
        own.map(({ method, path }) => `${method} ${path.replace(/results\/.*/, "results")}`),
        [
          "GET /docs/a",
          "GET /docs/b",
          "PUT /docs/c",
          "PUT /results",
        ],
      );
      const bulks = elastic.requests.filter(({ path }) => path.includes("_bulk"));
      assert.equal(bulks.length, 1);
      for (const { headers } of [...own, ...bulks]) {
        assert.match(String(headers.traceparent), new RegExp(`^00-${ID}-[0-9a-f]{16}-01$`));
      }
    } finally {
      await s3.stop();
      await elastic.stop();
    }
  });
});
