import { after, before, describe } from "@std/testing/bdd";
import type { Broker } from "../../../src/broker/broker.ts";
import { connectNats } from "../../../src/broker/nats/nats_broker.ts";
import { type NatsServer, type NatsServerOptions, startNats } from "../servers/nats_server.ts";
import { quiet } from "./quiet_log.ts";
import { serverSkip } from "../servers/server_binary.ts";

/** A NATS server of the suite's own. */
export interface NatsOfTests {
  readonly server: NatsServer;
  /** Connected over its websocket; the same for all tests of the suite. */
  readonly broker: Broker;
}

/** A suite on a real NATS server. */
export function onNats(
  name: string,
  suite: (given: NatsOfTests) => void,
  options: NatsServerOptions = {},
): void {
  describe(name, { skip: serverSkip("nats-server") }, () => {
    let server: NatsServer | undefined;
    let broker: Broker | undefined;
    before(async () => {
      server = await startNats(options);
      broker = await connectNats({ url: server.wsUrl, kind: "websocket", log: quiet });
    });
    after(async () => {
      await broker?.close();
      await server?.stop();
    });
    suite({
      get server() {
        return server!;
      },
      get broker() {
        return broker!;
      },
    });
  });
}
