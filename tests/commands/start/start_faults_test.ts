import { beforeEach, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Command } from "../../support/commands/command.ts";
import { freePort } from "../../support/servers/free_port.ts";
import { onServers } from "../../support/commands/on_servers.ts";
import { newSecret } from "../../support/run_record.ts";
import type { ServerFlow } from "../../support/commands/server_flow.ts";

const START_MS = 15_000;
const WRONG = newSecret();

/** What the command says to people: everything that is no log line. */
function plainLines(stderr: string): string[] {
  return stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{"));
}

onServers("kflow refuses to start, or waits and says why, with", (given) => {
  let flow: ServerFlow;
  beforeEach(async () => {
    flow = await given.newFlow();
  });

  async function failsWith(command: Command, ...patterns: (RegExp | string)[]): Promise<void> {
    const { status, stderr } = await command.end(START_MS);
    assert.equal(status, 1, stderr);
    const lines = plainLines(stderr);
    assert.equal(lines.length, 1, stderr);
    for (const pattern of patterns) {
      assert.match(
        lines[0]!,
        typeof pattern === "string" ? new RegExp(RegExp.escape(pattern)) : pattern,
      );
    }
    assert.deepEqual(await given.servers.keys(flow.results), []);
  }

  for (const way of ["ws", "tcp"] as const) {
    it(`a wrong NATS password over ${way}`, async () => {
      const url = way === "ws" ? given.servers.nats.wsUrl : given.servers.nats.tcpUrl;
      const env = { KFLOW_NATS_ADDR: url.replace("://", `://flow:${WRONG}@`) };
      const message = /authorization violation for user "flow"; check user, password/;
      await failsWith(flow.run({ env }), message, url);
      await failsWith(flow.worker("describe", { env }), message, url);
    });
  }

  it("a wrong S3 password", async () => {
    const env = { KFLOW_STORE_PASSWORD: WRONG };
    const message = /access is denied to user .*; check user, password and permissions at /;
    await failsWith(flow.run({ env }), message, given.servers.minio.endpoint);
    await failsWith(flow.worker("list", { env }), message, given.servers.minio.endpoint);
    await failsWith(flow.worker("store", { env }), message, given.servers.minio.endpoint);
  });

  it("a bucket that is not there, to list and to store in", async () => {
    for (const task of ["list", "store"]) {
      const other = await given.newFlow();
      other.set(`dag.${task}.topics`, "s3a://no-such-bucket");
      const message = /"no-such-bucket".*; create it/;
      await failsWith(other.run(), message, given.servers.minio.endpoint);
      await failsWith(other.worker(task), message, given.servers.minio.endpoint);
    }
  });

  for (const scheme of ["ws", "nats"]) {
    it(`a NATS server that does not answer at ${scheme}://`, async () => {
      const address = `${scheme}://127.0.0.1:${await freePort()}`;
      await failsWith(
        flow.run({ env: { KFLOW_NATS_ADDR: address } }),
        address,
        /the server is away \(.*\); check the address and that the server runs/,
      );
    });
  }

  it(
    "an S3 server that is unreachable, a websocket address for a TCP port, and the reverse",
    async () => {
      const { tcpPort, wsPort } = given.servers.nats;
      const away = `http://127.0.0.1:${await freePort()}`;
      const onTcp = { KFLOW_NATS_ADDR: `ws://127.0.0.1:${tcpPort}` };
      const onWebsocket = { KFLOW_NATS_ADDR: `nats://127.0.0.1:${wsPort}` };
      await Promise.all([
        failsWith(
          flow.run({ env: { KFLOW_STORE_ADDR: away } }),
          away,
          /check the address and that the server (runs|is well)/,
        ),
        failsWith(
          flow.run({ env: onTcp }),
          `ws://127.0.0.1:${tcpPort}`,
          /give the websocket address or, on hosts with sockets, nats:\/\//,
        ),
      ]);
      // That may as well be a server that hangs.
      const waiting = flow.run({ env: onWebsocket });
      await waiting.sees(`nats://127.0.0.1:${wsPort}`);
      await waiting.sees(/if this is its websocket port, give ws:\/\//);
      waiting.signal("SIGTERM");
      assert.equal((await waiting.end(START_MS)).status, 143);
    },
  );

  it("prints no password", () => given.printedNoPassword(WRONG));
});
