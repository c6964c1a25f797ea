import { after, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer } from "node:net";
import { AckError } from "../../../mod.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { ask, Handlers, post } from "../../support/in_process/handlers.ts";
import { onServers } from "../../support/commands/on_servers.ts";

const NUMBER = { type: "record", name: "number", fields: [{ name: "value", type: "long" }] };
const number = new AvroCodec().parse(NUMBER);

const PIPELINE = {
  dag: [
    { id: "from", type: "raw-source", schema: NUMBER, out: ["twice"] },
    {
      id: "twice",
      type: "raw",
      schema: NUMBER,
      out: ["show", "keep"],
      sideOuts: [{ id: "odd", schema: NUMBER, out: ["show"] }],
    },
    { id: "show", type: "raw", module: "./show.ts" },
    { id: "keep", type: "raw", module: "./keep.ts" },
  ],
};

/** Gives each number twice, odd ones to the side too. */
async function twice(
  record: { value: number },
  ctx: { toSideStream(id: string, record: unknown): Promise<void> },
) {
  if (record.value === 13) throw new AckError("unlucky");
  if (record.value % 2 === 1) await ctx.toSideStream("odd", record);
  return [record, record];
}

const FUNCTIONS = { twice, show: () => undefined, keep: () => undefined };

onServers("POST /tasks/:id?publish=true", (given) => {
  const handlers = new Handlers();
  after(() => handlers.closeAll());

  function flow(way: "ws" | "tcp" = "ws") {
    const id = `flow-${crypto.randomUUID().slice(0, 8)}`;
    const make = () =>
      handlers.make({
        pipeline: PIPELINE,
        functions: FUNCTIONS,
        env: { ...given.servers.environment(way), KFLOW_FLOW_ID: id },
      });
    const stored = async (task: string) =>
      (await given.servers.messages(`kflow-${id}-${task}`)).map(({ body, id, subject }) => ({
        id,
        from: subject.split(".").at(-1),
        value: number.decode(body).value,
      }));
    return { id, make, handler: make(), stored };
  }

  it("stores each output once per consumer and answers 202 with the places", async () => {
    const { id, handler, stored } = flow();
    const json = [{ value: 1 }, { value: 2 }];
    const answer = await ask(handler, post("/tasks/twice?publish=true", { json }));
    assert.equal(answer.status, 202, JSON.stringify(answer.json));
    const shown = await stored("show");
    assert.deepEqual(shown.map(({ from, value }) => `${from} ${value}`).sort(), [
      "twice 1",
      "twice 1",
      "twice 2",
      "twice 2",
      "twice~odd 1",
    ]);
    assert.equal((await stored("keep")).length, 4);
    const { published } = answer.json;
    assert.equal(published.length, 9);
    const inShow = published.filter(({ stream }) => stream === `kflow-${id}-show`);
    for (const place of inShow) assert.equal(shown[place.sequence! - 1]?.id, place.id);
    assert.deepEqual(inShow.map(({ sequence }) => sequence).sort(), [1, 2, 3, 4, 5]);
    assert.ok(published.every(({ duplicate }) => !duplicate));
    const messages = await given.servers.messages(`kflow-${id}-show`);
    const schemas = await given.servers.schemas();
    for (const { headers } of messages) assert.ok(schemas.has(headers["Kflow-Schema"]!));
  });

  it("puts the trace of the request on the outputs, and none where it has none", async () => {
    const { id, handler } = flow();
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const sent = `00-${trace}-00f067aa0ba902b7-01`;
    const headers = { traceparent: sent, tracestate: "a=1" };
    const json = [{ value: 1 }, { value: 2 }];
    await ask(handler, post("/tasks/twice?publish=true", { headers, json }));
    await ask(handler, post("/tasks/twice?publish=true", { json: { value: 4 } }));
    const messages = await given.servers.messages(`kflow-${id}-show`);
    assert.equal(messages.length, 7);
    for (const message of messages) {
      const parent = message.headers["traceparent"];
      if (number.decode(message.body).value === 4) {
        assert.equal(parent, undefined);
        continue;
      }
      assert.match(parent ?? "", new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
      assert.notEqual(parent, sent);
      assert.equal(message.headers["tracestate"], "a=1");
    }
  });

  for (
    const [name, headers] of Object.entries<Record<string, string>>({
      "Idempotency-Key": { "Idempotency-Key": "call-1" },
      "the attributes of a CloudEvent": {
        "ce-specversion": "1.0",
        "ce-id": "7",
        "ce-source": "/a",
        "ce-type": "b",
      },
    })
  ) {
    it(`stores the same call once, named by ${name}, by whichever handler it comes`, async () => {
      const { make, handler, stored } = flow();
      const request = () =>
        post("/tasks/twice?publish=true", { headers, json: [{ value: 1 }, { value: 2 }] });
      const first = await ask(handler, request());
      const second = await ask(make(), request());
      assert.equal((await stored("show")).length, 5);
      assert.deepEqual(
        second.json.published,
        first.json.published.map((place) => ({ ...place, duplicate: true })),
      );
    });
  }

  it("takes a structured CloudEvent, which is the same call as the binary one", async () => {
    const { handler, stored } = flow("tcp");
    const event = { specversion: "1.0", id: "7", source: "/a", type: "b", data: { value: 2 } };
    const structured = await ask(
      handler,
      post("/tasks/twice?publish=true", {
        headers: { "Content-Type": "application/cloudevents+json" },
        body: JSON.stringify(event),
      }),
    );
    assert.equal(structured.status, 202, JSON.stringify(structured.json));
    const headers = { "ce-id": "7", "ce-source": "/a" };
    const binary = await ask(
      handler,
      post("/tasks/twice?publish=true", { headers, json: { value: 2 } }),
    );
    assert.ok(binary.json.published.every(({ duplicate }) => duplicate));
    assert.equal((await stored("show")).length, 2);
  });

  it("connects when it is first needed, and once for all requests", async () => {
    let connections = 0;
    const { id } = flow();
    const door = createServer((client) => {
      connections++;
      const server = connect(given.servers.nats.wsPort, "127.0.0.1");
      client.pipe(server).pipe(client);
      for (const socket of [client, server]) socket.on("error", () => {});
      client.on("close", () => server.destroy());
    });
    await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
    const { port } = door.address() as AddressInfo;
    const env = given.servers.natsEnvironment(`ws://127.0.0.1:${port}`);
    const handler = handlers.make({
      pipeline: PIPELINE,
      functions: FUNCTIONS,
      env: { ...env, KFLOW_FLOW_ID: id },
    });
    assert.equal((await ask(handler, post("/tasks/twice", { json: { value: 2 } }))).status, 200);
    assert.equal(connections, 0);
    const calls = Array.from(
      { length: 30 },
      (_none, value) => ask(handler, post("/tasks/twice?publish=true", { json: { value } })),
    );
    for (const { status } of await Promise.all(calls)) assert.ok([202, 422].includes(status));
    assert.equal((await ask(handler, post("/drain"))).status, 200);
    assert.equal(connections, 1);
    await handler.close();
    door.close();
  });

  it("refuses to publish for another pipeline under the name of one that has records waiting", async () => {
    const { id, handler, stored } = flow();
    const json = { value: 2 };
    assert.equal((await ask(handler, post("/tasks/twice?publish=true", { json }))).status, 202);
    const before = await stored("show");
    const [from, twice, show, keep] = PIPELINE.dag;
    const other = handlers.make({
      pipeline: { dag: [from, twice, { ...show, module: "./other.ts" }, keep] },
      functions: FUNCTIONS,
      env: { ...given.servers.environment(), KFLOW_FLOW_ID: id },
    });
    const answer = await ask(other, post("/tasks/twice?publish=true", { json }));
    assert.equal(answer.status, 500, JSON.stringify(answer.json));
    assert.equal((await stored("show")).length, before.length);
  });

  it("stores calls without a key each time", async () => {
    const { handler, stored } = flow();
    for (let i = 0; i < 2; i++) {
      await ask(handler, post("/tasks/twice?publish=true", { json: { value: 2 } }));
    }
    assert.equal((await stored("show")).length, 4);
  });

  it("publishes the outputs of the others where a record failed, and stores none twice when the request is repeated", async () => {
    const { handler, stored } = flow();
    const headers = { "Idempotency-Key": "with a bad one" };
    for (let i = 0; i < 2; i++) {
      const json = [{ value: 13 }, { value: 4 }];
      const answer = await ask(handler, post("/tasks/twice?publish=true", { headers, json }));
      assert.equal(answer.status, 422);
      assert.deepEqual(answer.json.errors.map(({ item }) => item), [0]);
      assert.deepEqual(answer.json.published.map(({ item }) => item), [1, 1, 1, 1]);
      assert.equal((await stored("show")).length, 2);
    }
  });

  it(
    "goes on after NATS was unreachable between two requests, and answers 503 or 408 meanwhile",
    async () => {
      const { id, make, stored } = flow();
      const handler = handlers.make({
        pipeline: PIPELINE,
        functions: FUNCTIONS,
        env: { ...given.servers.environment(), KFLOW_FLOW_ID: id },
        limits: { requestMs: 1_000 },
      });
      const send = (key: string) =>
        ask(
          handler,
          post("/tasks/twice?publish=true", {
            headers: { "Idempotency-Key": key },
            json: { value: 2 },
          }),
        );
      assert.equal((await send("a")).status, 202);
      await given.servers.nats.kill();
      const away = await send("b");
      assert.ok([503, 408].includes(away.status), JSON.stringify(away));
      const late = await ask(make(), post("/tasks/twice?publish=true", { json: { value: 2 } }));
      assert.equal(late.status, 503);
      assert.equal(late.headers.get("retry-after"), "1");
      const called = await ask(handler, post("/tasks/twice", { json: { value: 2 } }));
      assert.equal(called.status, 200, "a call needs no NATS");
      await given.servers.nats.restart();
      let status = 0;
      for (const until = Date.now() + 20_000; status !== 202 && Date.now() < until;) {
        ({ status } = await send("b"));
      }
      assert.equal(status, 202);
      assert.equal((await stored("show")).length, 4);
    },
  );
});
