import { describe } from "@std/testing/bdd";
import { connectNats, type NatsDial } from "../../src/broker/nats.ts";
import { dialTcp } from "../../adapters/shared/nats_tcp.ts";
import { testBroker } from "../contracts/broker_contract.ts";
import { testState } from "../contracts/state_contract.ts";
import { startNats } from "../support/nats_server.ts";
import { quiet } from "../support/quiet_log.ts";
import { serverSkip } from "../support/server_binary.ts";
import { startTcpProxy } from "../support/tcp_proxy.ts";

const KINDS = [
  { name: "NATS websocket", kind: "websocket" },
  { name: "NATS TCP", kind: "tcp" },
  { name: "NATS 2.9 websocket", kind: "websocket", version: "2.9" },
  { name: "NATS 2.9 TCP", kind: "tcp", version: "2.9" },
] as const;

for (const { name, kind, ...rest } of KINDS) {
  const version = "version" in rest ? rest.version : undefined;
  const binary = version === undefined ? "nats-server" : "nats-server-2.9";

  describe(name, { skip: serverSkip(binary) }, () => {
    testBroker(name, { durable: true }, () => start(kind, version));
    testState(name, async () => {
      const { broker, another, end } = await start(kind, version);
      return { state: broker.state, another: another.state, end };
    });
  });
}

async function start(kind: "websocket" | "tcp", version?: "2.9") {
  const server = await startNats({ version });
  const proxy = await startTcpProxy(kind === "tcp" ? server.tcpPort : server.wsPort);
  const url = `${kind === "tcp" ? "nats" : "ws"}://127.0.0.1:${proxy.port}`;
  const dial: NatsDial = dialTcp;
  const broker = await connectNats({ url, kind, dial, log: quiet });
  const another = await connectNats({ url, kind, dial, log: quiet });
  return {
    broker,
    another,
    async restartServer() {
      await server.kill();
      await server.restart();
    },
    cutConnection: () => proxy.cut(),
    async end() {
      await broker.close();
      await another.close();
      await proxy.stop();
      await server.stop();
    },
  };
}
