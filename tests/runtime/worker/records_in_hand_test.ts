import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Broker, Delivery } from "../../../src/broker/broker.ts";
import { WrappedConsumer } from "../../../src/broker/wrapped.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const SCHEMA = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';
const RECORDS = 400;

/** Counts what was handed over and is not settled yet. */
class CountingConsumer extends WrappedConsumer {
  #now = 0;
  most = 0;

  override async next(): Promise<Delivery[]> {
    const deliveries = await super.next();
    this.#now += deliveries.length;
    this.most = Math.max(this.most, this.#now);
    return deliveries;
  }
  override ack(delivery: Delivery): void {
    this.#now--;
    super.ack(delivery);
  }
  override nak(delivery: Delivery, delayMs?: number): void {
    this.#now--;
    super.nak(delivery, delayMs);
  }
}

onBothBrokers("the records that a worker holds", (given) => {
  it("are never more than max.in.flight, however many wait", async () => {
    const { broker } = given;
    const consumers: CountingConsumer[] = [];
    const counting: Broker = {
      durable: broker.durable,
      maxPayload: broker.maxPayload,
      state: broker.state,
      ensureQueues: (queues) => broker.ensureQueues(queues),
      ensureTopic: (topic, options) => broker.ensureTopic(topic, options),
      async consume(group) {
        const consumer = new CountingConsumer(await broker.consume(group));
        consumers.push(consumer);
        return consumer;
      },
      read: (reader) => broker.read(reader),
      queueState: (stream, group) => broker.queueState(stream, group),
      publisher: (options) => broker.publisher(options),
      isConnected: () => broker.isConnected(),
      close: () => broker.close(),
    };
    const { task } = await runFlow({
      broker: counting,
      yaml: `
mode: batch
name: ${given.flowId()}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [work], schema: '${SCHEMA}'}
  - {id: work, type: raw, module: ./work.ts, meta: {max.in.flight: 5, retry.delay.ms: 1}}
`,
      functions: {
        make: Array.from({ length: RECORDS }, (_, n) => ({ n })),
        work(record: { n: number }, ctx: { delivery: { attempt: number } }) {
          if (record.n % 7 === 0 && ctx.delivery.attempt === 1) throw new Error("once more");
        },
      },
    });
    assert.equal(task("work").counts.acked, RECORDS);
    const [{ most }, ...others] = consumers as [CountingConsumer];
    assert.equal(others.length, 0);
    assert.ok(most > 1 && most <= 5, `${most} in hand`);
  });
});
