import {
  type Broker,
  type Consumer,
  type GroupSpec,
  type Publisher,
  type QueueSpec,
  type QueueState,
  type ReaderSpec,
  streamOfTopic,
  type TopicSpec,
  type TopicState,
} from "../broker.ts";
import { MemoryConsumer } from "./memory_consumer.ts";
import { MemoryGroup } from "./memory_group.ts";
import { MemoryState } from "./memory_state.ts";
import type { StateFile } from "./state_file.ts";
import { MemoryPublisher } from "./memory_publisher.ts";
import { MemoryStream } from "./memory_stream.ts";
import type { StateStore } from "../state_store.ts";
import { REAL_TIMERS, type Timers } from "../../base/time/timers.ts";
import { TurnClock } from "../../base/time/turn_clock.ts";
import { StartError } from "../../base/errors.ts";

export interface MemoryBrokerOptions {
  /** Where finished tasks, checkpoints and schemas are kept between processes. @default nowhere */
  stateFile?: StateFile;
  /** @default 1 MiB, as a NATS server has it */
  maxPayload?: number;
  /** What ack waits and delays go by. @default the real ones */
  timers?: Timers;
}

/** The embedded broker: streams, groups and state inside this process, with the meaning of the NATS ones. */
export function createMemoryBroker(options: MemoryBrokerOptions = {}): Broker {
  return new MemoryBroker(options);
}

export class MemoryBroker implements Broker {
  readonly durable = false;
  readonly maxPayload: number;
  readonly state: StateStore;
  readonly #streams = new Map<string, MemoryStream>();
  readonly #publishers = new Set<MemoryPublisher>();
  readonly #timers: Timers;
  readonly #clock = new TurnClock(Date.now);
  #closed = false;

  constructor(options: MemoryBrokerOptions = {}) {
    this.maxPayload = options.maxPayload ?? 1 << 20;
    this.state = new MemoryState(options.stateFile);
    this.#timers = options.timers ?? REAL_TIMERS;
  }

  ensureQueues(queues: readonly QueueSpec[]): Promise<void> {
    for (const queue of queues) {
      if (this.#streams.has(queue.stream)) continue;
      this.#streams.set(queue.stream, new MemoryStream(queue, { clock: this.#clock }));
    }
    return Promise.resolve();
  }

  ensureTopic(topic: TopicSpec): Promise<TopicState> {
    const { subject, maxBytes, duplicateWindowMs } = topic;
    let taker = this.#streamOf(subject);
    if (taker === undefined) {
      const stream = streamOfTopic(subject);
      const spec = { stream, subjects: `${stream}.>`, maxBytes, duplicateWindowMs };
      taker = new MemoryStream(spec, { clock: this.#clock, dropsOldest: true });
      this.#streams.set(stream, taker);
    }
    return Promise.resolve({ stream: taker.spec.stream, maxPayload: this.maxPayload });
  }

  async consume(spec: GroupSpec): Promise<Consumer> {
    await this.ensureQueues([spec.queue]);
    return this.#join(this.#streams.get(spec.queue.stream)!, spec);
  }

  async read(spec: ReaderSpec): Promise<Consumer> {
    const stream = this.#streams.get(spec.stream);
    if (stream === undefined) {
      throw new StartError(
        `Cannot join group "${spec.group}": there is no stream "${spec.stream}" in this process`,
      );
    }
    return await Promise.resolve(this.#join(stream, spec));
  }

  #join(stream: MemoryStream, spec: GroupSpec | ReaderSpec): Consumer {
    let group = stream.group(spec.group);
    if (group === undefined) {
      group = new MemoryGroup(stream, spec, this.#timers);
      stream.groups.push(group);
    } else {
      group.adopt(spec);
    }
    return new MemoryConsumer(group, "slots" in spec ? spec.slots : undefined);
  }

  queueState(stream: string, group: string): Promise<QueueState | undefined> {
    return Promise.resolve(this.#streams.get(stream)?.group(group)?.state());
  }

  publisher(options: { limit?: number } = {}): Publisher {
    const publisher = new MemoryPublisher({
      streamOf: (subject) => this.#streamOf(subject),
      streams: () => this.#streams.values(),
      maxPayload: this.maxPayload,
      limit: options.limit ?? 4096,
    });
    this.#publishers.add(publisher);
    return publisher;
  }

  isConnected(): boolean {
    return !this.#closed;
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const publisher of this.#publishers) publisher.close();
    for (const stream of this.#streams.values()) {
      for (const group of stream.groups) group.close();
    }
    return Promise.resolve();
  }

  #streamOf(subject: string): MemoryStream | undefined {
    for (const stream of this.#streams.values()) {
      const prefix = stream.spec.subjects.slice(0, -1);
      if (`${subject}.`.startsWith(prefix)) return stream;
    }
    return undefined;
  }
}
