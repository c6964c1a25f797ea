import type {
  Consumer,
  Delivery,
  GroupSpec,
  OutMessage,
  Publisher,
  Receipt,
} from "../broker/broker.ts";
import { WrappedConsumer } from "../broker/wrapped.ts";
import { WrappedPublisher } from "../broker/wrapped_publisher.ts";
import { MemoryBroker, type MemoryBrokerOptions } from "../broker/memory/memory_broker.ts";

/** Told what goes over a broker. */
export interface Recorder {
  /** Somebody takes messages from now on. */
  joined(): void;
  /** A message is stored that was not there before. */
  stored(message: OutMessage): void;
  wasAcked(delivery: Delivery): void;
  wasNacked(delivery: Delivery, delayMs: number): void;
  /** The ack wait begins anew. */
  working(delivery: Delivery): void;
}

/** The embedded broker, with somebody who looks on. */
export class RecordingBroker extends MemoryBroker {
  readonly #recorder: Recorder;

  constructor(recorder: Recorder, options: MemoryBrokerOptions) {
    super(options);
    this.#recorder = recorder;
  }

  override async consume(spec: GroupSpec): Promise<Consumer> {
    const consumer = new RecordingConsumer(await super.consume(spec), this.#recorder);
    this.#recorder.joined();
    return consumer;
  }

  override publisher(options?: { limit?: number }): Publisher {
    return new RecordingPublisher(super.publisher(options), this.#recorder);
  }
}

class RecordingPublisher extends WrappedPublisher {
  readonly #recorder: Recorder;

  constructor(inner: Publisher, recorder: Recorder) {
    super(inner);
    this.#recorder = recorder;
  }

  override publish(message: OutMessage, receipt: Receipt): void {
    const recorder = this.#recorder;
    super.publish(message, {
      stored(duplicate) {
        if (!duplicate) recorder.stored(message);
        receipt.stored(duplicate);
      },
      failed: (error) => receipt.failed(error),
    });
  }
}

class RecordingConsumer extends WrappedConsumer {
  readonly #recorder: Recorder;

  constructor(inner: Consumer, recorder: Recorder) {
    super(inner);
    this.#recorder = recorder;
  }

  override ack(delivery: Delivery): void {
    this.#recorder.wasAcked(delivery);
    super.ack(delivery);
  }

  override nak(delivery: Delivery, delayMs = 0): void {
    this.#recorder.wasNacked(delivery, delayMs);
    super.nak(delivery, delayMs);
  }

  override working(delivery: Delivery): void {
    this.#recorder.working(delivery);
    super.working(delivery);
  }
}
