import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { serveNode } from "../../../adapters/shared/http/node_serve.ts";
import type { Handler } from "../../../mod.ts";
import { S3_LIST_SCHEMA } from "../../../src/pipeline/checking/record_schema.ts";
import type { Served } from "../../../src/host.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { eventually } from "../../support/waiting.ts";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { freePort } from "../../support/servers/free_port.ts";
import { ask, Handlers, post, TOKEN } from "../../support/in_process/handlers.ts";
import { notifyWebhook } from "../../support/servers/minio_server.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";
import { TestServers } from "../../support/servers/test_servers.ts";

const listed = new AvroCodec().parse(S3_LIST_SCHEMA);
const EVENTS = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"];
/** Names that an event and a URL write in ways of their own. */
const KEYS = ["docs/a b+c.txt", "docs/ü%20&.txt", "docs/plain.txt", "docs/deep/er=.txt"];

describe("POST /events/s3", { skip: serverSkip("nats-server", "minio") }, () => {
  const handlers = new Handlers();
  const kflow = new CommandLine();
  let servers: TestServers;
  let served: Served;
  let handler: Handler | undefined;
  /** What the webhook was answered. */
  const answers: string[] = [];

  before(async () => {
    const port = await freePort();
    served = await serveNode(async (request, info) => {
      const response = await handler!(request, info);
      answers.push(`${response.status} ${await response.clone().text()}`);
      return response;
    }, { port, bodies: true, hostname: "127.0.0.1" });
    const url = `http://127.0.0.1:${port}/events/s3`;
    servers = await TestServers.start({ webhook: { url, token: TOKEN } });
  });
  after(async () => {
    await kflow.endAll();
    await handlers.closeAll();
    await served?.close();
    await servers?.stop();
  });

  async function flow({ checkpoint = true, mode = "batch", notify = true } = {}) {
    const id = `flow-${crypto.randomUUID().slice(0, 8)}`;
    const bucket = `bucket-${id}`;
    await servers.makeBuckets(bucket);
    if (notify) await notifyWebhook(servers.minio, bucket, EVENTS);
    const pipeline = {
      ...(mode === "batch" && { mode }),
      dag: [
        {
          id: "list",
          type: "fs-source",
          format: "list",
          topics: `s3a://${bucket}/docs/`,
          meta: { checkpoint, "poll.interval.ms": 500 },
          out: ["show", "other"],
        },
        { id: "show", type: "print" },
        { id: "other", type: "print" },
      ],
    };
    const env = { ...servers.environment(), KFLOW_FLOW_ID: id };
    handler = handlers.make({ pipeline, env });
    answers.length = 0;
    const onEdge = async (task = "show") =>
      (await servers.messages(`kflow-${id}-${task}`)).map(({ id, body }) => ({
        id,
        record: listed.decode(body),
      }));
    return { id, bucket, pipeline, env, handler, onEdge };
  }

  async function putAll(bucket: string): Promise<void> {
    for (const key of KEYS) await servers.store.put(bucket, key, new TextEncoder().encode(key));
  }

  /** A batch run's source, as a program of its own: lists the bucket. */
  async function list({ pipeline, env }: { pipeline: object; env: Record<string, string> }) {
    const folder = await FlowFolder.make("quickstart");
    try {
      await folder.write("events.yaml", JSON.stringify(pipeline));
      const run = crypto.randomUUID();
      const args = ["worker", folder.file("events.yaml"), "--task", "list", "--run", run];
      const { status, stderr } = await kflow.run(args, { env });
      assert.equal(status, 0, stderr);
    } finally {
      await folder.remove();
    }
  }

  it(
    "feeds the objects of MinIO's webhook, with the ids and records that a listing gives",
    async () => {
      const given = await flow();
      await putAll(given.bucket);
      await eventually(() => answers.length >= KEYS.length, "notifications", 20_000);
      assert.deepEqual(answers, KEYS.map(() => `200 {"fed":1,"duplicates":0,"ignored":0}`));
      const fed = await given.onEdge();
      assert.deepEqual(fed.map(({ record }) => record.key).sort(), KEYS.toSorted());
      // The same objects listed by a flow that knows nothing of notifications.
      const other = await flow({ notify: false });
      const dag = given.pipeline.dag;
      await list({ env: other.env, pipeline: { ...given.pipeline, dag } });
      const byListing = await other.onEdge();
      const sorted = (all: typeof fed) => all.toSorted((a, b) => a.id! < b.id! ? -1 : 1);
      assert.deepEqual(sorted(fed), sorted(byListing));
    },
  );

  it("stores an object once that is notified and listed, in either order", async () => {
    const given = await flow();
    await putAll(given.bucket);
    await eventually(() => answers.length >= KEYS.length, "notifications", 20_000);
    await list(given);
    assert.equal((await given.onEdge("show")).length, KEYS.length);
    assert.equal((await given.onEdge("other")).length, KEYS.length);

    const reversed = await flow({ notify: false });
    await putAll(reversed.bucket);
    await list(reversed);
    for (const key of KEYS) {
      const { status, json } = await ask(
        reversed.handler,
        post("/events/s3", { json: eventOf(reversed.bucket, key) }),
      );
      assert.deepEqual([status, json], [200, { fed: 1, duplicates: 2, ignored: 0 }]);
    }
    assert.equal((await reversed.onEdge()).length, KEYS.length);
  });

  it(
    "is not listed again once the duplicate window has passed, with a checkpoint",
    async () => {
      const given = await flow();
      for (const task of given.pipeline.dag.slice(1)) {
        Object.assign(task, {
          meta: { "duplicate.window.ms": 1_000, "max.poll.interval.ms": 1_000 },
        });
      }
      handler = handlers.make({ pipeline: given.pipeline, env: given.env });
      await putAll(given.bucket);
      await eventually(() => answers.length >= KEYS.length, "notifications", 20_000);
      assert.ok(answers.every((answer) => answer.startsWith("200 ")), answers.join());
      const publisherIsFree = async () => {
        // The server's clock decides: an event that is fed again shows that the window has passed.
        const { json } = await ask(
          handler!,
          post("/events/s3", { json: eventOf(given.bucket, KEYS[2]!) }),
        );
        return (json as unknown as { duplicates: number }).duplicates === 0;
      };
      await eventually(publisherIsFree, "end of the window", 20_000);
      const before = (await given.onEdge()).length;
      await list(given);
      assert.equal((await given.onEdge()).length, before);
    },
  );

  it(
    "answers and ignores other buckets, other prefixes, deletions and objects that are gone",
    async () => {
      const { bucket, handler, onEdge } = await flow({ notify: false });
      await servers.store.put(bucket, "elsewhere.txt", new Uint8Array());
      const cases = [
        eventOf(bucket, "elsewhere.txt"),
        eventOf("another", "docs/a.txt"),
        eventOf(bucket, "docs/gone.txt"),
        eventOf(bucket, "docs/plain.txt", "s3:ObjectRemoved:Delete"),
        eventOf(bucket, "docs/../plain.txt"),
      ];
      for (const json of cases) {
        const answer = await ask(handler, post("/events/s3", { json }));
        assert.deepEqual(
          [answer.status, answer.json],
          [200, { fed: 0, duplicates: 0, ignored: 1 }],
          JSON.stringify(json),
        );
      }
      const test = await ask(handler, post("/events/s3", { json: { Event: "s3:TestEvent" } }));
      assert.deepEqual([test.status, test.json], [200, { fed: 0, duplicates: 0, ignored: 0 }]);
      assert.deepEqual(await onEdge(), []);
    },
  );

  it("feeds what EventBridge, SNS and SQS deliver", async () => {
    const { bucket, handler, onEdge } = await flow({ notify: false });
    await putAll(bucket);
    const [first, second, third] = KEYS as [string, string, string];
    const bridge = {
      "detail-type": "Object Created",
      source: "aws.s3",
      detail: { bucket: { name: bucket }, object: { key: first } },
    };
    const sns = { Type: "Notification", Message: JSON.stringify(eventOf(bucket, second)) };
    const body = JSON.stringify(eventOf(bucket, third));
    const sqs = { Records: [{ eventSource: "aws:sqs", body }] };
    const text = { "Content-Type": "text/plain; charset=UTF-8" };
    const requests = [
      post("/events/s3", { json: bridge }),
      post("/events/s3", { headers: text, body: JSON.stringify(sns) }),
      post("/events/s3", { json: sqs }),
    ];
    for (const request of requests) {
      const { status, json } = await ask(handler, request);
      assert.deepEqual([status, json], [200, { fed: 1, duplicates: 0, ignored: 0 }]);
    }
    assert.deepEqual((await onEdge()).map(({ record }) => record.key), [first, second, third]);
  });

  it("takes the event names of S3 itself, and several objects at once", async () => {
    const { bucket, handler, onEdge } = await flow({ notify: false });
    await putAll(bucket);
    const events = KEYS.map((key) => eventOf(bucket, key, "ObjectCreated:Put"));
    const json = { Records: events.flatMap(({ Records }) => Records) };
    const answer = await ask(handler, post("/events/s3", { json }));
    assert.deepEqual(answer.json, { fed: KEYS.length, duplicates: 0, ignored: 0 });
    assert.deepEqual((await onEdge()).map(({ record }) => record.key), KEYS);
  });

  it(
    "answers 503 or 408 while NATS or the store is unreachable, and feeds a repeated notification",
    async () => {
      const { bucket, env, pipeline, onEdge } = await flow({ notify: false });
      await putAll(bucket);
      const handler = handlers.make({ pipeline, env, limits: { requestMs: 2_000 } });
      const send = async (key: string) =>
        (await ask(handler, post("/events/s3", { json: eventOf(bucket, key) }))).status;
      const untilFed = async (key: string) =>
        await eventually(async () => await send(key) === 200, "a fed object", 30_000);
      const [first, second, third] = KEYS as [string, string, string];
      assert.equal(await send(first), 200);
      await servers.nats.kill();
      assert.ok([503, 408].includes(await send(second)));
      await servers.nats.restart();
      await untilFed(second);
      await servers.minio.kill();
      assert.ok([503, 408].includes(await send(third)));
      await servers.minio.restart();
      await untilFed(third);
      assert.deepEqual((await onEdge()).map(({ record }) => record.key), [first, second, third]);
    },
  );

  it(
    "answers 400 for an invalid notification, 401 without the token, 415 for another type",
    async () => {
      const { handler } = await flow({ notify: false });
      for (
        const body of [
          "{",
          "[]",
          "7",
          '{"Records":1}',
          '{"hello":"world"}',
          '{"Type":"SubscriptionConfirmation","SubscribeURL":"https://sns.example/"}',
        ]
      ) {
        const headers = { "Content-Type": "application/json" };
        assert.equal((await ask(handler, post("/events/s3", { headers, body }))).status, 400, body);
      }
      const headers = { Authorization: "Bearer wrong" };
      assert.equal((await ask(handler, post("/events/s3", { headers, json: {} }))).status, 401);
      const xml = { "Content-Type": "application/xml" };
      const other = post("/events/s3", { headers: xml, body: "<a/>" });
      assert.equal((await ask(handler, other)).status, 415);
    },
  );
});

function eventOf(bucket: string, key: string, eventName = "s3:ObjectCreated:Put") {
  const coded = encodeURIComponent(key).replaceAll("%20", "+");
  return { Records: [{ eventName, s3: { bucket: { name: bucket }, object: { key: coded } } }] };
}
