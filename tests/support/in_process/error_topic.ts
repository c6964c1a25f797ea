import assert from "node:assert/strict";
import type { Broker } from "../../../src/broker/broker.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import {
  ERROR_RECORD_SCHEMA,
  type ErrorRecord,
} from "../../../src/runtime/failures/error_record.ts";
import { nothingFor, receive } from "./broker_probes.ts";

const schema = new AvroCodec().parse(ERROR_RECORD_SCHEMA);

/** The stream of an error side stream, made before the flow starts and read as any consumer reads it. */
export class ErrorTopic {
  readonly #stream = `errors-${crypto.randomUUID().slice(0, 8)}`;
  readonly topic = `${this.#stream}.work`;

  private constructor(readonly broker: Broker) {}

  static async make(broker: Broker): Promise<ErrorTopic> {
    const made = new ErrorTopic(broker);
    await broker.ensureQueues([made.#queue]);
    return made;
  }

  get #queue() {
    const stream = this.#stream;
    return { stream, subjects: `${stream}.>`, maxBytes: 1 << 20, duplicateWindowMs: 60_000 };
  }

  /** All records that it holds, of every topic below; fails if they are not `count`. */
  async records(count: number): Promise<(ErrorRecord & { topic: string })[]> {
    const consumer = await this.broker.consume({
      queue: this.#queue,
      group: `reader-${crypto.randomUUID().slice(0, 8)}`,
      ackWaitMs: 30_000,
      maxAckPending: 1000,
    });
    consumer.slots = 1000;
    try {
      const deliveries = count === 0 ? [] : await receive(consumer, count);
      await nothingFor(consumer, 100);
      return deliveries.map((delivery) => {
        assert.equal(delivery.header("Kflow-Schema"), schema.fingerprint);
        return {
          ...schema.decode(delivery.body) as unknown as ErrorRecord,
          topic: delivery.subject,
        };
      });
    } finally {
      await consumer.close(0);
    }
  }
}
