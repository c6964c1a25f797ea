import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { CELSIUS_MODULE } from "../../support/commands/celsius_module.ts";
import { type Command, CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { onServers } from "../../support/commands/on_servers.ts";
import { RawClient } from "../../support/commands/raw_client.ts";
import { newSecret } from "../../support/run_record.ts";

const SLOW = { timeout: 90_000 };
const TOKEN = newSecret();
const HEADERS = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };

/** The address of a server that was told to take a free port. */
async function addressOf(server: Command): Promise<string> {
  await server.sees(/"Serving","flow":"[^"]*","port":\d+/);
  const [, port] = /"Serving","flow":"[^"]*","port":(\d+)/.exec(server.stderr)!;
  return `http://127.0.0.1:${port}`;
}

describe("kflow serve", () => {
  const kflow = new CommandLine();
  after(() => kflow.endAll());

  async function serve(args: string[] = [], env: Record<string, string> = {}) {
    const folder = await FlowFolder.make("http");
    await folder.write("celsius.ts", CELSIUS_MODULE);
    const file = folder.file("pipeline.yaml");
    const server = kflow.start(["serve", file, "--port", "0", ...args], { env });
    return { server, folder, url: await addressOf(server) };
  }

  function call(url: string, fahrenheit: number, headers: Record<string, string> = HEADERS) {
    const body = JSON.stringify({ station: "hill", fahrenheit });
    return fetch(`${url}/tasks/celsius`, { method: "POST", headers, body });
  }

  it(
    "lets programs on this machine call without a token, and asks for the one that is there",
    SLOW,
    async () => {
      const open = await serve();
      const { Authorization: _token, ...without } = HEADERS;
      assert.equal((await call(open.url, 0, without)).status, 200);
      const proxied = { ...without, "X-Forwarded-For": "203.0.113.7" };
      assert.equal((await call(open.url, 0, proxied)).status, 401);
      const closed = await serve([], { KFLOW_HTTP_TOKEN: TOKEN });
      assert.equal((await call(closed.url, 0, without)).status, 401);
      assert.equal((await call(closed.url, 0)).status, 200);
      assert.match(await (await fetch(closed.url)).text(), /POST \/tasks\/celsius/);
      for (const { server, folder } of [open, closed]) {
        server.signal("SIGTERM");
        assert.equal((await server.end()).status, 0);
        await folder.remove();
      }
      assert.match(open.server.stderr, /There is no KFLOW_HTTP_TOKEN/);
      assert.doesNotMatch(closed.server.stderr, /There is no KFLOW_HTTP_TOKEN/);
    },
  );

  it("can be reached from this machine only without a token", SLOW, async () => {
    const folder = await FlowFolder.make("http");
    const file = folder.file("pipeline.yaml");
    for (const address of ["0.0.0.0", "::", "192.0.2.1", "example.com"]) {
      const refused = await kflow.run(["serve", file, "--port", "0", "--host", address]);
      assert.equal(refused.status, 2);
      assert.match(refused.stderr, /--host: ".*" can be reached by others/);
      assert.match(refused.stderr, /set KFLOW_HTTP_TOKEN, or leave --host out/);
    }
    await folder.remove();
    const other = Object.values(networkInterfaces()).flat()
      .find((each) => each?.family === "IPv4" && !each.internal)?.address;
    const { server, folder: open, url } = await serve();
    const port = new URL(url).port;
    assert.equal((await fetch(`${url}/livez`)).status, 200);
    if (other !== undefined) await assert.rejects(fetch(`http://${other}:${port}/livez`));
    const body = '{"station":"hill","fahrenheit":0}';
    const ask = (target: string, host: string) =>
      new RawClient(
        Number(port),
        `POST ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      ).answer;
    assert.match(await ask("/tasks/celsius", `localhost:${port}`), /^HTTP\/1\.1 200 /);
    assert.match(await ask("/tasks/celsius", "evil.example"), /^HTTP\/1\.1 401 /);
    assert.match(await ask("http://localhost/tasks/celsius", "evil.example"), /^HTTP\/1\.1 401 /);
    assert.match(await ask("//localhost/tasks/celsius", "evil.example"), /^HTTP\/1\.1 40[14] /);
    server.signal("SIGTERM");
    assert.equal((await server.end()).status, 0);
    await open.remove();
  });

  it(
    "serves others, and ends in time, while 200 requests never get to the end of their headers",
    SLOW,
    async () => {
      const { url, server, folder } = await serve();
      const port = Number(new URL(url).port);
      const text = "POST /tasks/celsius HTTP/1.1\r\nHost: x\r\nX-Slow: ";
      const clients = Array.from({ length: 200 }, () => new RawClient(port, text));
      await Promise.all(clients.map((client) => client.connected()));
      assert.equal((await call(url, 0)).status, 200);
      server.signal("SIGTERM");
      assert.equal((await server.end(20_000)).status, 0);
      for (const { socket } of clients) socket.destroy();
      await folder.remove();
    },
  );

  it("finishes what it is answering when a signal comes, and exits 0", SLOW, async () => {
    const { server, folder, url } = await serve();
    const { Authorization: _token, ...without } = HEADERS;
    const answer = call(url, 700, without);
    await server.sees("begins hill");
    server.signal("SIGTERM");
    const response = await answer;
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { outputs: [{ station: "hill", celsius: 0 }] });
    assert.equal((await server.end(10_000)).status, 0);
    await folder.remove();
  });

  it(
    "keeps to its limits: size, time of a body that comes in bits, requests at once",
    SLOW,
    async () => {
      const args = ["--max-body", "100", "--request-ms", "1000", "--concurrent", "1"];
      const { server, folder, url } = await serve(args, { KFLOW_HTTP_TOKEN: TOKEN });
      const body = "x".repeat(101);
      const large = await fetch(`${url}/tasks/celsius`, { method: "POST", headers: HEADERS, body });
      assert.equal(large.status, 413);
      await large.body?.cancel();

      const { hostname, port } = new URL(url);
      const socket = connect(Number(port), hostname);
      let text = "";
      const closed = new Promise<void>((resolve) => {
        socket.on("data", (bytes: Uint8Array) => text += new TextDecoder().decode(bytes));
        socket.on("error", () => {});
        socket.on("close", () => resolve());
      });
      const head = Object.entries({ Host: "localhost", ...HEADERS, "Content-Length": "50" });
      const lines = head.map(([name, value]) => `${name}: ${value}\r\n`).join("");
      socket.write(`POST /tasks/celsius HTTP/1.1\r\n${lines}\r\n{"station":`);
      await closed;
      assert.match(text, /^HTTP\/1\.1 408 /);
      assert.match(text, /"hint":/);

      const running = call(url, 600);
      await server.sees("begins hill");
      const refused = await call(url, 0);
      assert.equal(refused.status, 429);
      assert.equal(refused.headers.get("retry-after"), "1");
      assert.equal((await running).status, 200);
      server.signal("SIGTERM");
      assert.equal((await server.end()).status, 0);
      await folder.remove();
    },
  );

  it("answers a thousand requests, many at a time", SLOW, async () => {
    const { server, folder, url } = await serve(["--concurrent", "64"]);
    const { Authorization: _token, ...without } = HEADERS;
    const statuses = new Map<number, number>();
    const client = async () => {
      for (let i = 0; i < 50; i++) {
        const response = await call(url, 0, without);
        await response.body?.cancel();
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: 20 }, client));
    assert.deepEqual([...statuses], [[200, 1000]]);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert.match(metrics, /^kflow_acked_total\{flow="weather",function="celsius"\} 1000$/m);
    server.signal("SIGTERM");
    assert.equal((await server.end()).status, 0);
    await folder.remove();
  });

  it("says what is wrong with the command line, the file or the port", SLOW, async () => {
    const folder = await FlowFolder.make("http");
    const file = folder.file("pipeline.yaml");
    const option = await kflow.run(["serve", file, "--port", "x"]);
    assert.equal(option.status, 2);
    assert.match(option.stderr, /from 0 to 65535/);
    const missing = await kflow.run(["serve", folder.file("none.yaml")]);
    assert.equal(missing.status, 2);
    await folder.write("celsius.ts", "export default 7;");
    const module = await kflow.run(["serve", file, "--port", "0"]);
    assert.equal(module.status, 2);
    assert.match(module.stderr, /celsius\.ts: cannot use it as the function of task "celsius"/);
    await folder.write("celsius.ts", CELSIUS_MODULE);
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, resolve));
    const taken = (other.address() as { port: number }).port;
    const port = await kflow.run(["serve", file, "--port", String(taken)]);
    assert.equal(port.status, 1);
    assert.match(port.stderr, /Cannot listen on port \d+: EADDRINUSE; give another with --port/);
    await new Promise((resolve) => other.close(resolve));
    await folder.remove();
  });
});

onServers("kflow serve on servers", (given) => {
  it(
    "runs the quickstart to what its expected.json says, notified of its documents and drained",
    SLOW,
    async () => {
      const flow = await given.newFlow();
      const env = { KFLOW_HTTP_TOKEN: TOKEN };
      const server = flow.serve({ env, way: "tcp" });
      const url = await addressOf(server);
      const post = async (path: string, json?: unknown) => {
        const init = { method: "POST", headers: HEADERS, body: JSON.stringify(json) };
        const response = await fetch(url + path, init);
        assert.equal(response.status, 200);
        return await response.json();
      };
      const keys = await given.servers.keys(flow.docs);
      const Records = keys.map((key) => ({
        eventName: "s3:ObjectCreated:Put",
        s3: {
          bucket: { name: flow.docs },
          object: { key: encodeURIComponent(key).replaceAll("%20", "+") },
        },
      }));
      assert.deepEqual(await post("/events/s3", { Records }), {
        fed: keys.length,
        duplicates: 0,
        ignored: 0,
      });
      let drained = await post("/drain?budget_ms=20000");
      for (let i = 0; drained.left && i < 10; i++) drained = await post("/drain?budget_ms=5000");
      assert.equal(drained.left, false);
      assert.deepEqual(await flow.stored(), await flow.expected());
      server.signal("SIGTERM");
      assert.equal((await server.end()).status, 0);
    },
  );
}, SLOW);
