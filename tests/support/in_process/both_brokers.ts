import { after, before, describe } from "@std/testing/bdd";
import type { Broker } from "../../../src/broker/broker.ts";
import { createMemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import { onNats } from "./on_nats.ts";

/** A broker, and what is needed to have several flows on it. */
export interface BrokerOfTests {
  /** The same for all tests of the suite. */
  readonly broker: Broker;
  /** A flow id that no other test has. */
  flowId(): string;
}

/** The same suite on the embedded broker and on a real NATS server. */
export function onBothBrokers(name: string, suite: (given: BrokerOfTests) => void): void {
  const flowId = () => `flow-${crypto.randomUUID().slice(0, 8)}`;

  describe(`${name}, on the embedded broker`, () => {
    let broker: Broker;
    before(() => {
      broker = createMemoryBroker();
    });
    after(() => broker.close());
    suite({
      get broker() {
        return broker;
      },
      flowId,
    });
  });

  onNats(`${name}, on a NATS server`, (given) =>
    suite({
      get broker() {
        return given.broker;
      },
      flowId,
    }));
}
