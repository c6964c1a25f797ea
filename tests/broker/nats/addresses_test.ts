import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { dialTcp } from "../../../adapters/shared/node/nats_tcp.ts";
import { connectNats } from "../../../src/broker/nats/nats_broker.ts";
import { StartError } from "../../../src/base/errors.ts";
import { freePort } from "../../support/servers/free_port.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { quiet } from "../../support/in_process/quiet_log.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";

describe("several NATS addresses", { skip: serverSkip("nats-server") }, () => {
  let server: NatsServer;
  let dead: string[];
  before(async () => {
    server = await startNats();
    dead = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  });
  after(() => server?.stop());

  for (const kind of ["tcp", "websocket"] as const) {
    const scheme = kind === "tcp" ? "nats" : "ws";
    const connectTo = (...hosts: string[]) => {
      const url = hosts.map((host) => `${scheme}://${host}`).join(",");
      return connectNats({ url, kind, dial: dialTcp, log: quiet });
    };

    it(`lead to the one that is up, over ${kind}`, async () => {
      const live = new URL(kind === "tcp" ? server.tcpUrl : server.wsUrl).host;
      // The client takes them in any order.
      for (let i = 0; i < 8; i++) {
        const broker = await connectTo(dead[0]!, live, dead[1]!);
        assert.equal(broker.isConnected(), true);
        await broker.close();
      }
    });

    it(`of which none is up are an error that names them, over ${kind}`, async () => {
      await assert.rejects(connectTo(...dead), (error) => {
        assert.ok(error instanceof StartError);
        assert.equal(error.transient, true);
        for (const host of dead) assert.ok(error.message.includes(host), error.message);
        return true;
      });
    });
  }
});
