import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type Context, createHandler } from "../../mod.ts";
import { PipelineHandler } from "../../src/handler/handler.ts";
import { type HandlerSource, loadHandlerParts } from "../../src/handler/handler_source.ts";
import { Secret } from "../../src/base/secret.ts";
import { FlowFolder } from "../support/commands/flow_folder.ts";
import { freePort } from "../support/servers/free_port.ts";
import { type Answer, ask, Handlers, post, TOKEN } from "../support/in_process/handlers.ts";
import { quiet } from "../support/in_process/quiet_log.ts";

const NUMBER = { type: "record", name: "number", fields: [{ name: "value", type: "long" }] };

function pipeline(more: object = {}, task: object = {}): object {
  return {
    ...more,
    dag: [
      { id: "from", type: "raw-source", schema: NUMBER, out: ["work"] },
      { id: "work", type: "raw", schema: NUMBER, out: ["show"], ...task },
      { id: "show", type: "print" },
    ],
  };
}
const work = (record: unknown) => record;

describe("a handler on this runtime", () => {
  const handlers = new Handlers();
  after(() => handlers.closeAll());

  it("refuses a token that no client can send, wherever it was given", () => {
    const source = { pipeline: JSON.stringify(pipeline()), functions: { work } };
    const refusal = { name: "TypeError", message: /visible ASCII characters/ };
    for (const token of ["a\n", "two words", "schlüssel"]) {
      assert.throws(() => createHandler({ ...source, token }), refusal);
      assert.throws(() => createHandler({ ...source, token: new Secret(token) }), refusal);
      assert.throws(() => createHandler({ ...source, env: { KFLOW_HTTP_TOKEN: token } }), refusal);
    }
  });

  it("takes its token from the file that KFLOW_HTTP_TOKEN_FILE names", async () => {
    const folder = await FlowFolder.make();
    try {
      const env = { KFLOW_HTTP_TOKEN_FILE: await folder.write("token", `${TOKEN}\n`) };
      const source = { pipeline: pipeline(), functions: { work }, token: undefined };
      const call = (headers: Record<string, string> = {}) =>
        post("/tasks/work", { json: [{ value: 1 }], headers });
      const handler = handlers.make({ ...source, env });
      assert.equal((await ask(handler, call())).status, 200);
      assert.equal((await ask(handler, call({ Authorization: "Bearer wrong" }))).status, 401);
      await folder.write("token", "\n");
      for (const path of [folder.file("gone"), folder.file("token")]) {
        const broken = handlers.make({ ...source, env: { KFLOW_HTTP_TOKEN_FILE: path } });
        const answer = await ask(broken, call());
        assert.equal(answer.status, 500);
        assert.ok(!JSON.stringify(answer.json).includes(path));
      }
      const twice = handlers.make({ ...source, env: { ...env, KFLOW_HTTP_TOKEN: TOKEN } });
      assert.equal((await ask(twice, call())).status, 500);
    } finally {
      await folder.remove();
    }
  });

  it("loads modules, reads folders and downloads files where the pipeline asks for it", async () => {
    const folder = await FlowFolder.make("quickstart");
    try {
      await folder.write(
        "size.ts",
        `import { AckError } from "kflow";
        export default ({ key }) => {
          if (key.endsWith(".none")) throw new AckError("none");
          return { key };
        };`,
      );
      const listed = {
        dag: [
          {
            id: "list",
            type: "fs-source",
            format: "list",
            topics: "s3a://docs",
            out: ["size", "read"],
          },
          {
            id: "size",
            type: "raw",
            module: folder.file("size.ts"),
            schema: { type: "record", name: "size", fields: [{ name: "key", type: "string" }] },
            out: ["show"],
          },
          { id: "read", type: "raw", globalConfig: { store: { autoDownload: true } } },
          { id: "show", type: "print" },
        ],
        globalConfig: { store: { addr: `file://${folder.file("data")}` } },
      };
      let content = "";
      const handler = handlers.make({
        pipeline: listed,
        functions: {
          read: async (_record: unknown, ctx: Context) => {
            content = await readFile(ctx.localPath!, "utf8");
          },
        },
      });
      const key = "languages/english.txt";
      const json = { url: `s3a://docs/${key}`, lastModifiedUnixMilli: 0, bucket: "docs", key };
      const size = await ask(handler, post("/tasks/size", { json }));
      assert.deepEqual(size.json, { outputs: [{ key }] });
      const given = await ask(handler, post("/tasks/size", { json: { ...json, key: "a.none" } }));
      assert.deepEqual(given.json.errors.map(({ retry }) => retry), [false]);
      assert.equal((await ask(handler, post("/tasks/read", { json }))).status, 204);
      assert.equal(content, await readFile(folder.file(`data/docs/${key}`), "utf8"));
    } finally {
      await folder.remove();
    }
  });

  it("asks for the producer of a record where the schemas of the producers differ", async () => {
    const given = pipeline() as { dag: object[] };
    const TEXT = { type: "record", name: "text", fields: [{ name: "text", type: "string" }] };
    given.dag.push({ id: "other", type: "raw-source", schema: TEXT, out: ["work"] });
    const handler = handlers.make({
      pipeline: given,
      functions: { work: ({ text = "" }: { text?: string }) => ({ value: text.length }) },
    });
    const json = { text: "four" };
    const unsaid = await ask(handler, post("/tasks/work", { json }));
    assert.equal(unsaid.status, 400);
    assert.match(unsaid.json.hint, /from, other/);
    const said = await ask(handler, post("/tasks/work?from=other", { json }));
    assert.deepEqual(said.json, { outputs: [{ value: 4 }] });
    assert.equal((await ask(handler, post("/tasks/work?from=nobody", { json }))).status, 400);
    const number = await ask(handler, post("/tasks/work?from=from", { json: { value: 1 } }));
    assert.deepEqual(number.json, { outputs: [{ value: 0 }] });
  });

  it("is not ready after it could not connect, and still answers calls", async () => {
    const env = { KFLOW_NATS_ADDR: `ws://127.0.0.1:${await freePort()}` };
    const handler = handlers.make({ pipeline: pipeline(), functions: { work }, env });
    const ready = async () => (await handler(new Request("http://localhost/readyz"))).text();
    assert.equal(await ready(), "ready\n");
    const json = { value: 1 };
    const publish = await ask(handler, post("/tasks/work?publish=true", { json }));
    assert.deepEqual([publish.status, publish.json.error], [503, "NATS is away"]);
    assert.equal(await ready(), "not ready: cannot connect to the broker\n");
    assert.equal((await ask(handler, post("/tasks/work", { json }))).status, 200);
  });
});

describe("a handler on a host that has nothing but fetch", () => {
  async function askAlone(source: HandlerSource, request: Request): Promise<Answer> {
    const handler = new PipelineHandler({
      load: () => loadHandlerParts(source, undefined),
      token: new Secret(TOKEN),
      local: false,
      limits: undefined,
      log: quiet,
    });
    const env = { KFLOW_RUNTIME_LOG_LEVEL: "CRITICAL" };
    source.env = { ...env, ...source.env };
    try {
      const fetching = (each: Request) => handler.fetch(each);
      return await ask(Object.assign(fetching, { close: () => handler.close() }), request);
    } finally {
      await handler.close();
    }
  }
  const json = { value: 7 };

  it("answers calls of the functions that it is given", async () => {
    const source = { pipeline: JSON.stringify(pipeline()), functions: { work } };
    const answer = await askAlone(source, post("/tasks/work", { json }));
    assert.deepEqual(answer.json, { outputs: [json] });
  });

  it("names what it lacks: sockets for NATS, modules, files", async () => {
    const functions = { work };
    const sockets = await askAlone(
      { pipeline: pipeline(), functions, env: { KFLOW_NATS_ADDR: "nats://127.0.0.1:1" } },
      post("/tasks/work?publish=true", { json }),
    );
    assert.equal(sockets.status, 500);
    assert.match(sockets.json.error, /no TCP sockets; give the server's websocket address, ws:/);
    const modules = await askAlone(
      { pipeline: pipeline({}, { module: "./work.ts" }) },
      post("/tasks/work", { json }),
    );
    assert.equal(modules.status, 500);
    const store = { globalConfig: { store: { addr: "file:///srv/data" } } };
    const files = await askAlone(
      { pipeline: pipeline(store), functions },
      post("/tasks/work", { json }),
    );
    assert.equal(files.status, 500);
  });
});
