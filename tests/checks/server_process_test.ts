import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { freePort, freePortBelow } from "../support/servers/free_port.ts";
import { onFreePorts, PortTaken, ServerProcess } from "../support/servers/server_process.ts";

const LISTEN = `require("node:net").createServer().listen(Number(process.argv[1]), "127.0.0.1",
  () => console.log("listens"));`;

describe("ServerProcess", () => {
  const server = new ServerProcess();
  const others: Server[] = [];
  after(async () => {
    await server.end("SIGKILL");
    for (const other of others) other.close();
  });

  const start = (port: number, isReady: (output: string) => Promise<boolean>) =>
    server.start({
      command: "node",
      args: ["-e", LISTEN, String(port)],
      withinMs: 20_000,
      isReady,
    });

  /** A port that another server has. */
  async function takenPort(): Promise<number> {
    const port = await freePort();
    const other = createServer();
    others.push(other);
    await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
    return port;
  }

  it("asks again while the server listens but does not do what tests need", async () => {
    const answers = [false, false, true];
    const asked: string[] = [];
    await start(await freePort(), (output) => {
      asked.push(output);
      return Promise.resolve(output.includes("listens") && answers.shift()!);
    });
    assert.deepEqual(answers, []);
    assert.notEqual(server.pid, 0);
    await server.end("SIGTERM");
    assert.equal(server.pid, 0);
  });

  it("does not take the answer of another server on its port for its own", async () => {
    const port = await takenPort();
    const answers = (output: string) => Promise.resolve(output.includes("EADDRINUSE"));
    await assert.rejects(() => start(port, answers), PortTaken);
  });

  it("starts on another port when the first one is taken", async () => {
    const ports = [await takenPort(), await freePort()];
    const tried = [...ports];
    const used = await onFreePorts(1, async (port) => {
      await start(port!, (output) => Promise.resolve(output.includes("listens")));
      return port;
    }, () => Promise.resolve(tried.shift()!));
    assert.equal(used, ports[1]);
    await server.end("SIGKILL");
  });

  it("does not try other ports when the server fails for another reason", async () => {
    let tries = 0;
    const failing = onFreePorts(1, async () => {
      tries++;
      await server.start({
        command: "node",
        args: ["-e", "process.exit(7)"],
        withinMs: 20_000,
        isReady: () => Promise.resolve(false),
      });
    });
    await assert.rejects(() => failing, /Cannot start node .*: it has ended/);
    assert.equal(tries, 1);
  });

  it("finds free ports below a limit", async () => {
    const port = await freePortBelow(9_300);
    assert.ok(port >= 1_024 && port < 9_300, `${port}`);
  });
});
