import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { connect, type NatsConnection } from "nats";
import { dialTcp } from "../../../../adapters/shared/node/nats_tcp.ts";
import { dialNats } from "../../../../src/broker/nats/wire/client.ts";
import { NatsLink } from "../../../../src/broker/nats/wire/link.ts";
import { type NatsServer, startNats } from "../../../support/servers/nats_server.ts";
import { quiet } from "../../../support/in_process/quiet_log.ts";
import { serverSkip } from "../../../support/servers/server_binary.ts";

describe("NatsLink", { skip: serverSkip("nats-server") }, () => {
  let server: NatsServer;
  let other: NatsConnection;
  let link: NatsLink;

  before(async () => {
    server = await startNats();
    other = await connect({ servers: server.tcpUrl });
    const { tcpUrl: url } = server;
    const dial = () => dialNats({ url, kind: "tcp", dial: dialTcp, name: "test" });
    link = new NatsLink(await dial(), { address: url, log: quiet, redial: dial, callMs: 4_000 });
  });
  after(async () => {
    await link?.close();
    await other?.close();
    await server?.stop();
  });

  it("asks again where nothing is said, as by a stream without a leader", async () => {
    let asked = 0;
    other.subscribe("silent.at.first", {
      callback: (_error, message) => void (++asked === 2 && message.respond("here")),
    });
    await other.flush();
    assert.equal(new TextDecoder().decode(await link.call("silent.at.first", "")), "here");
  });

  it("takes the answer to what it asked first, however late", async () => {
    const asked: (() => void)[] = [];
    other.subscribe("slow", {
      callback(_error, message) {
        asked.push(() => message.respond(message.data));
        if (asked.length === 2) asked[0]!();
      },
    });
    await other.flush();
    assert.equal(new TextDecoder().decode(await link.call("slow", "the same")), "the same");
    assert.equal(asked.length, 2);
  });

  it("gives up in its time", async () => {
    other.subscribe("silent", { callback: () => {} });
    await other.flush();
    await assert.rejects(link.call("silent", ""), /"silent": no answer within 4 s/);
  });
});
