import { describe } from "@std/testing/bdd";
import { connectNats, type NatsDial } from "../../../src/broker/nats/nats_broker.ts";
import { dialTcp } from "../../../adapters/shared/node/nats_tcp.ts";
import { testBroker } from "../../contracts/broker_contract.ts";
import { testState } from "../../contracts/state_contract.ts";
import { startNats } from "../servers/nats_server.ts";
import { quiet } from "./quiet_log.ts";
import { serverSkip } from "../servers/server_binary.ts";
import { startTcpProxy } from "../servers/tcp_proxy.ts";

export interface NatsContractOptions {
  kind: "websocket" | "tcp";
  /** `"2.9"`: the oldest server that must work. @default the newest */
  version?: "2.9";
  /** @default the platform's WebSocket */
  openSocket?: (url: string) => Promise<WebSocket>;
}

/** The broker and state contracts on a NATS server of the test's own. One kind a file, so that they run side by side. */
export function testNats(name: string, options: NatsContractOptions): void {
  const binary = options.version === undefined ? "nats-server" : "nats-server-2.9";
  describe(name, { skip: serverSkip(binary) }, () => {
    testBroker(name, { durable: true }, () => start(options));
    testState(name, async () => {
      const { broker, another, end } = await start(options);
      return { state: broker.state, another: another.state, end };
    });
  });
}

async function start({ kind, version, openSocket }: NatsContractOptions) {
  const server = await startNats({ version });
  const proxy = await startTcpProxy(kind === "tcp" ? server.tcpPort : server.wsPort);
  const url = `${kind === "tcp" ? "nats" : "ws"}://127.0.0.1:${proxy.port}`;
  const dial: NatsDial = dialTcp;
  const broker = await connectNats({ url, kind, dial, openSocket, log: quiet });
  const another = await connectNats({ url, kind, dial, openSocket, log: quiet });
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
