import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { dialTcp } from "../../../../adapters/shared/node/nats_tcp.ts";
import { dialNats } from "../../../../src/broker/nats/wire/client.ts";
import { NatsLink } from "../../../../src/broker/nats/wire/link.ts";
import type { NatsMessage } from "../../../../src/broker/nats/wire/message.ts";
import { eventually } from "../../../support/waiting.ts";
import { type NatsServer, startNats } from "../../../support/servers/nats_server.ts";
import { quiet } from "../../../support/in_process/quiet_log.ts";
import { serverSkip } from "../../../support/servers/server_binary.ts";

describe("NatsInlet", { skip: serverSkip("nats-server") }, () => {
  let server: NatsServer;
  before(async () => {
    server = await startNats();
  });
  after(async () => {
    await server?.stop();
  });

  for (const kind of ["websocket", "tcp"] as const) {
    it(
      `takes messages from what comes over a ${kind}, after a lost connection too`,
      async () => {
        const dial = () => {
          const url = kind === "tcp" ? server.tcpUrl : server.wsUrl;
          return dialNats({ url, kind, dial: dialTcp, name: "inlet" });
        };
        const link = new NatsLink(await dial(), { address: "a", log: quiet, redial: dial });
        const found: NatsMessage[] = [];
        const others: string[] = [];
        let lost = 0;
        link.listen({ lost: () => lost++ });
        const exchange = async (count: number) => {
          const ours = link.inlet.subscribe("in.>", {
            message: (message) => found.push(message),
            failed: (error) => assert.fail(error),
          });
          // What the client has subscribed to stays with it.
          const theirs = link.nc.subscribe("in.x", {
            callback: (_error, { subject }) => others.push(subject),
          });
          for (let i = 0; i < count; i++) link.outbox.text("in.x", "text", "reply.é");
          await eventually(() => found.length + others.length === 2 * count, "messages");
          await ours.drain();
          link.outbox.text("in.x", "text");
          await eventually(() => others.length === count + 1, "the last");
          theirs.unsubscribe();
          for (const message of found) {
            assert.equal(message.subject, "in.x");
            assert.equal(message.reply, "reply.é");
            assert.equal(new TextDecoder().decode(message.body), "text");
            // The client's are copied out of what has come, and end with it.
            assert.ok(message.end < message.bytes.length, "it has come through the client");
          }
          assert.equal(found.length, count);
          found.length = others.length = 0;
        };
        await exchange(100);
        await server.kill();
        await eventually(() => lost === 1, "loss");
        await server.restart();
        await eventually(() => link.connected, "connection", 20_000);
        await exchange(100);
        await link.close();
      },
    );
  }
});
