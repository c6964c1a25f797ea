import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Context, HandlerOptions, OpenContext } from "../../mod.ts";
import { eventually } from "../support/waiting.ts";
import { ask, Handlers, post, TOKEN } from "../support/in_process/handlers.ts";

const NUMBER = { type: "record", name: "number", fields: [{ name: "value", type: "long" }] };
const PIPELINE = {
  name: "limits",
  dag: [
    { id: "from", type: "raw-source", schema: NUMBER, out: ["work"] },
    { id: "work", type: "raw", schema: NUMBER, out: ["show"] },
    { id: "show", type: "print" },
  ],
};

describe("limits of a handler", () => {
  const handlers = new Handlers();
  after(() => handlers.closeAll());

  function make(work: unknown = (record: unknown) => record, more: Partial<HandlerOptions> = {}) {
    return handlers.make({ pipeline: PIPELINE, functions: { work }, ...more });
  }

  /** A body that comes in bits, and notes whether it was cancelled. */
  function bits(pull: (controller: ReadableStreamDefaultController<Uint8Array>) => void) {
    const state = { cancelled: false, pulled: 0 };
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        state.pulled++;
        pull(controller);
      },
      cancel() {
        state.cancelled = true;
      },
    }, { highWaterMark: 0 });
    const request = new Request("http://localhost/tasks/work", {
      method: "POST",
      headers: { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/x-ndjson" },
      body,
      duplex: "half",
    } as RequestInit);
    return { state, request };
  }

  it("answers 413 for a body that is declared too large, and for one that turns out to be, without reading on", async () => {
    const handler = make(undefined, { limits: { bodyBytes: 1000 } });
    const whole = await ask(handler, post("/tasks/work", { json: "x".repeat(1001) }));
    assert.equal(whole.status, 413);
    assert.match(whole.json.error, /1000 bytes/);
    const { state, request } = bits((controller) => controller.enqueue(new Uint8Array(300)));
    assert.equal((await ask(handler, request)).status, 413);
    assert.ok(state.pulled <= 6, `${state.pulled} pieces were read`);
    assert.equal((await ask(handler, post("/tasks/work", { json: { value: 1 } }))).status, 200);
  });

  it("accepts bodies of 1 MiB by default", async () => {
    const handler = make();
    const json = { value: 1 };
    const padded = (size: number) =>
      post("/tasks/work", {
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(json).padEnd(size),
      });
    assert.equal((await ask(handler, padded(1 << 20))).status, 200);
    assert.equal((await ask(handler, padded((1 << 20) + 1))).status, 413);
  });

  it("answers 408 for a body that does not arrive", async () => {
    const handler = make(undefined, { limits: { requestMs: 150 } });
    const { state, request } = bits((controller) => {
      if (state.pulled === 1) controller.enqueue(new TextEncoder().encode('{"value":'));
    });
    const { status, json } = await ask(handler, request);
    assert.equal(status, 408);
    assert.ok(json.hint);
    await eventually(() => state.cancelled, "cancelled body");
  });

  it("answers 408 for a function that hangs, aborts its signal, and serves others meanwhile and afterwards", async () => {
    let told = false;
    let opened = 0;
    class Hanging {
      open(_ctx: OpenContext) {
        opened++;
      }
      async process(record: { value: number }, ctx: Context) {
        if (record.value === 1) {
          ctx.signal.addEventListener("abort", () => told = true);
          await new Promise(() => {});
        }
        return record;
      }
    }
    const handler = make(Hanging, { limits: { requestMs: 400 } });
    const hanging = ask(handler, post("/tasks/work", { json: { value: 1 } }));
    assert.equal((await hanging).status, 408);
    await eventually(() => told, "aborted signal");
    const next = await ask(handler, post("/tasks/work", { json: { value: 2 } }));
    assert.deepEqual([next.status, next.json], [200, { outputs: [{ value: 2 }] }]);
    assert.equal(opened, 2);
  });

  it("answers 429 with Retry-After beyond its number of requests, probes excepted", async () => {
    const go = Promise.withResolvers<void>();
    let begun = 0;
    const handler = make(async (record: unknown) => {
      begun++;
      await go.promise;
      return record;
    }, { limits: { concurrent: 2 } });
    const running = [1, 2].map((value) => ask(handler, post("/tasks/work", { json: { value } })));
    await eventually(() => begun > 0, "a call");
    const refused = await ask(handler, post("/tasks/work", { json: { value: 3 } }));
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get("retry-after"), "1");
    assert.ok(refused.json.error && refused.json.hint);
    const alive = await handler(new Request("http://localhost/livez"));
    assert.equal(await alive.text(), "alive\n");
    go.resolve();
    for (const { status } of await Promise.all(running)) assert.equal(status, 200);
    assert.equal((await ask(handler, post("/tasks/work", { json: { value: 4 } }))).status, 200);
  });

  it("answers 404 for other paths and 405 with Allow for other methods, as JSON", async () => {
    const handler = make();
    const none = await ask(handler, new Request("http://localhost/none"));
    assert.deepEqual([none.status, none.json.error], [404, 'There is no "/none"']);
    for (
      const [path, method, allow] of [
        ["/tasks/work", "GET", "POST"],
        ["/drain", "PUT", "POST"],
        ["/events/s3", "GET", "POST"],
        ["/metrics", "POST", "GET, HEAD"],
        ["/", "DELETE", "GET, HEAD"],
      ] as const
    ) {
      const request = new Request(`http://localhost${path}`, { method });
      const { status, headers, json } = await ask(handler, request);
      assert.deepEqual([status, headers.get("allow")], [405, allow], path);
      assert.ok(json.error && json.hint);
    }
  });

  it("answers 500 for an invalid pipeline, and gives the reason only in the log", async () => {
    const handler = handlers.make({ pipeline: { dag: [{ id: "secret-name", type: "rwa" }] } });
    const { status, json } = await ask(handler, post("/tasks/work", { json: {} }));
    assert.equal(status, 500);
    assert.doesNotMatch(JSON.stringify(json), /secret-name|rwa/);
    assert.match(json.hint, /kflow validate/);
  });

  it("lists its paths at /, counts records in /metrics, and is ready until it is closed", async () => {
    const handler = make();
    const get = async (path: string) => {
      const response = await handler(new Request(`http://localhost${path}`));
      return `${response.status} ${await response.text()}`;
    };
    const json = [{ value: 1 }, { value: 2 }];
    for (let i = 0; i < 3; i++) await ask(handler, post("/tasks/work", { json }));
    assert.match(await get("/"), /^200 kflow \d+\.\d+\.\d+, flow limits\n[^]*POST \/tasks\/work\n/);
    assert.match(
      await get("/metrics"),
      /^events_total\{flow="limits",function="work"\} 6$[^]*^kflow_acked_total\{flow="limits",function="work"\} 6$/m,
    );
    assert.equal(await get("/livez"), "200 alive\n");
    assert.equal(await get("/readyz"), "200 ready\n");
    await handler.close();
    assert.equal(await get("/readyz"), "503 not ready: stopping\n");
  });

  it("finishes running requests when it is closed", async () => {
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const handler = make(async (record: unknown) => {
      begun.resolve();
      await go.promise;
      return record;
    });
    const running = ask(handler, post("/tasks/work", { json: { value: 1 } }));
    await begun.promise;
    const closed = handler.close();
    go.resolve();
    assert.equal((await running).status, 200);
    await closed;
  });
});
