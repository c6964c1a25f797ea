import assert from "node:assert/strict";
import type {
  Broker,
  Consumer,
  Delivery,
  GroupSpec,
  OutMessage,
  Publisher,
  QueueSpec,
} from "../../../src/broker/broker.ts";
import { within } from "../waiting.ts";

/** Asserts that nothing is delivered for a while. */
export async function nothingFor(consumer: Consumer, ms: number): Promise<void> {
  const timer = setTimeout(() => consumer.wake(), ms);
  const deliveries = await consumer.next();
  clearTimeout(timer);
  assert.deepEqual(deliveries.map(textOf), []);
}

/** Takes deliveries until there are `count`. */
export async function receive(consumer: Consumer, count: number, ms = 10_000): Promise<Delivery[]> {
  const taken: Delivery[] = [];
  const end = performance.now() + ms;
  while (taken.length < count) {
    const left = end - performance.now();
    const timer = setTimeout(() => consumer.wake(), left);
    const deliveries = await consumer.next();
    clearTimeout(timer);
    taken.push(...deliveries);
    if (deliveries.length === 0) {
      throw new Error(`${taken.length} of ${count} came within ${ms} ms`);
    }
  }
  assert.equal(taken.length, count);
  return taken;
}

/** Takes one delivery. */
export async function receiveOne(consumer: Consumer, ms = 10_000): Promise<Delivery> {
  return (await receive(consumer, 1, ms))[0]!;
}

/** What became of a message. */
export type Fate = "stored" | "duplicate" | Error;

/** Publishes and resolves with what became of it; a receipt called twice fails the case. */
export function publish(publisher: Publisher, message: OutMessage): Promise<Fate> {
  return new Promise((resolve, reject) => {
    let answers = 0;
    const answer = (fate: Fate) => {
      if (++answers > 1) {
        reject(new Error(`Receipt of "${message.id}" was called ${answers} times`));
      }
      resolve(fate);
    };
    publisher.publish(message, {
      stored: (duplicate) => answer(duplicate ? "duplicate" : "stored"),
      failed: (error) => answer(error),
    });
  });
}

export function textOf(delivery: Delivery): string {
  return new TextDecoder().decode(delivery.body);
}

/** One queue with names of its own. */
export class Place {
  readonly queue: QueueSpec;
  readonly subject: string;

  constructor(queue: Partial<QueueSpec> = {}) {
    const flow = `c${crypto.randomUUID().slice(0, 8)}`;
    this.subject = `kflow.${flow}.task.from`;
    this.queue = {
      stream: `kflow-${flow}-task`,
      subjects: `kflow.${flow}.task.>`,
      maxBytes: 64 * 1024 * 1024,
      duplicateWindowMs: 120_000,
      ...queue,
    };
  }

  group(spec: Partial<GroupSpec> = {}): GroupSpec {
    return {
      queue: this.queue,
      group: "workers",
      ackWaitMs: 30_000,
      maxAckPending: 1_000,
      ...spec,
    };
  }

  message(id: string, message: Partial<OutMessage> = {}): OutMessage {
    return { subject: this.subject, id, body: new TextEncoder().encode(id), ...message };
  }

  /** Publishes one message per id and waits until all are stored. */
  async fill(broker: Broker, ids: readonly string[]): Promise<void> {
    await broker.ensureQueues([this.queue]);
    const publisher = broker.publisher();
    const fates = ids.map((id) => publish(publisher, this.message(id)));
    assert.deepEqual(
      await within(Promise.all(fates), 20_000, "confirmations"),
      ids.map(() => "stored"),
    );
    publisher.close();
  }
}

export function numbered(count: number, prefix = "m"): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}
