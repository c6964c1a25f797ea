import type {
  Broker,
  Consumer,
  GroupSpec,
  Publisher,
  QueueSpec,
  QueueState,
  ReaderSpec,
  TopicSpec,
  TopicState,
} from "../../broker/broker.ts";
import type { StateStore } from "../../broker/state_store.ts";
import { type DrainBudget, DrainConsumer } from "./drain_consumer.ts";
import type { Pace } from "./processing_estimate.ts";

/** The flow's broker for the time of one drain: whoever takes records from it keeps to the budget. */
export class DrainBroker implements Broker {
  /** By stream. */
  readonly consumers = new Map<string, DrainConsumer>();
  readonly #inner: Broker;
  readonly #budget: DrainBudget;
  readonly #paceOf: (stream: string) => Pace;

  constructor(
    inner: Broker,
    options: { budget: DrainBudget; paceOf: (stream: string) => Pace },
  ) {
    this.#inner = inner;
    this.#budget = options.budget;
    this.#paceOf = options.paceOf;
  }

  get durable(): boolean {
    return this.#inner.durable;
  }
  get maxPayload(): number {
    return this.#inner.maxPayload;
  }
  get state(): StateStore {
    return this.#inner.state;
  }
  ensureQueues(queues: readonly QueueSpec[]): Promise<void> {
    return this.#inner.ensureQueues(queues);
  }
  ensureTopic(topic: TopicSpec, options: { create: boolean }): Promise<TopicState> {
    return this.#inner.ensureTopic(topic, options);
  }
  async consume(group: GroupSpec): Promise<Consumer> {
    const { stream } = group.queue;
    const inner = await this.#inner.consume({ ...group, slots: 0 });
    const consumer = new DrainConsumer(inner, { budget: this.#budget, pace: this.#paceOf(stream) });
    this.consumers.set(stream, consumer);
    return consumer;
  }
  read(reader: ReaderSpec): Promise<Consumer> {
    return this.#inner.read(reader);
  }
  queueState(stream: string, group: string): Promise<QueueState | undefined> {
    return this.#inner.queueState(stream, group);
  }
  publisher(options?: { limit?: number }): Publisher {
    return this.#inner.publisher(options);
  }
  isConnected(): boolean {
    return this.#inner.isConnected();
  }
  /** The flow's broker is for others too. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
