import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, describe, it } from "@std/testing/bdd";
import { connectNats, type NatsOptions } from "../../../src/broker/nats/nats_broker.ts";
import { StartError } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import { dialTcp } from "../../../adapters/shared/node/nats_tcp.ts";
import { freePort } from "../../support/servers/free_port.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { quiet } from "../../support/in_process/quiet_log.ts";
import { newSecret } from "../../support/run_record.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";

/** Fails unless the start is refused with one line that holds these texts. */
async function refused(
  options: Partial<NatsOptions> & Pick<NatsOptions, "url" | "kind">,
  expected: { texts: readonly string[]; transient?: boolean },
): Promise<void> {
  let error: unknown;
  try {
    const broker = await connectNats({ dial: dialTcp, log: quiet, ...options });
    await broker.close();
  } catch (caught) {
    error = caught;
  }
  assert.ok(error instanceof StartError, `${error}`);
  assert.equal(error.message.includes("\n"), false);
  for (const text of [options.url, ...expected.texts]) {
    assert.ok(error.message.includes(text), `"${text}" is missing in: ${error.message}`);
  }
  assert.equal(error.transient, expected.transient ?? false, error.message);
}

describe("connectNats()", { skip: serverSkip("nats-server") }, () => {
  const right = newSecret();
  const wrong = newSecret();
  let server: NatsServer;
  before(async () => {
    server = await startNats({ user: "kflow", password: right });
  });
  after(() => server?.stop());

  it("connects with user and password", async () => {
    for (const kind of ["websocket", "tcp"] as const) {
      const broker = await connectNats({
        url: kind === "tcp" ? server.tcpUrl : server.wsUrl,
        kind,
        user: "kflow",
        password: new Secret(right),
        dial: dialTcp,
        log: quiet,
      });
      assert.ok(broker.isConnected());
      await broker.close();
    }
  });

  it("a wrong password is refused with the user's name and without the password", async () => {
    for (const kind of ["websocket", "tcp"] as const) {
      const url = kind === "tcp" ? server.tcpUrl : server.wsUrl;
      const password = new Secret(wrong);
      await refused({ url, kind, user: "kflow", password }, {
        texts: ["authorization violation", '"kflow"'],
      });
      await refused({ url, kind }, { texts: ["authorization violation"] });
      const error = await connectNats({
        url,
        kind,
        user: "kflow",
        password,
        dial: dialTcp,
        log: quiet,
      })
        .then(() => "", (caught: Error) => `${caught.stack} ${JSON.stringify(caught)}`);
      assert.equal(error.includes(wrong), false);
    }
  });

  it("a server that is away is a transient failure", async () => {
    const port = await freePort();
    await refused({ url: `ws://127.0.0.1:${port}`, kind: "websocket" }, {
      texts: ["server is away"],
      transient: true,
    });
    await refused({ url: `nats://127.0.0.1:${port}`, kind: "tcp" }, {
      texts: ["server is away"],
      transient: true,
    });
  });

  it("a listener that says nothing is given up in time", async () => {
    const silent = createServer(() => {});
    const port = await freePort();
    await new Promise<void>((resolve) => silent.listen(port, "127.0.0.1", resolve));
    const sockets: { destroy(): void }[] = [];
    silent.on("connection", (socket) => sockets.push(socket));
    await refused({ url: `ws://127.0.0.1:${port}`, kind: "websocket" }, {
      texts: ["within 5 s"],
      transient: true,
    });
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => silent.close(() => resolve()));
  });

  it("the TCP port given as a websocket address is told apart", async () => {
    await refused({ url: `ws://127.0.0.1:${server.tcpPort}`, kind: "websocket" }, {
      texts: ["not NATS over websocket", "nats://"],
    });
  });

  it("the websocket port given as a TCP address names the remedy", async () => {
    await refused({ url: `nats://127.0.0.1:${server.wsPort}`, kind: "tcp" }, {
      texts: ["ws://host:port"],
      transient: true,
    });
  });

  it("TCP on a platform without sockets asks for a websocket address", async () => {
    await refused({ url: server.tcpUrl, kind: "tcp", dial: undefined }, {
      texts: ["ws://host:port"],
    });
  });

  it("a server that is too old is refused with its version and the oldest that will do", async () => {
    const old = createServer((socket) => {
      socket.on("error", () => {});
      socket.write('INFO {"server_id":"x","version":"2.8.4","max_payload":1000,"proto":1}\r\n');
      socket.on("data", (bytes: Uint8Array) => {
        if (new TextDecoder().decode(bytes).includes("PING\r\n")) socket.write("PONG\r\n");
      });
    });
    const port = await freePort();
    await new Promise<void>((resolve) => old.listen(port, "127.0.0.1", resolve));
    await refused({ url: `nats://127.0.0.1:${port}`, kind: "tcp" }, {
      texts: ["version is 2.8.4", "2.9 or newer"],
    });
    await new Promise<void>((resolve) => old.close(() => resolve()));
  });

  it("a server without JetStream is refused", async () => {
    const plain = await startNats({ jetStream: false });
    await refused({ url: plain.wsUrl, kind: "websocket" }, { texts: ["JetStream is off"] });
    await plain.stop();
  });
});
