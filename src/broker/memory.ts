import type {
  Broker,
  Consumer,
  GroupSpec,
  OutMessage,
  Publisher,
  QueueSpec,
  QueueState,
  Receipt,
} from "./broker.ts";
import { MemoryConsumer } from "./memory_consumer.ts";
import { MemoryGroup } from "./memory_group.ts";
import { MemoryState, type StateFile } from "./memory_state.ts";
import { MemoryStream, parentOf } from "./memory_stream.ts";
import type { StateStore } from "./state.ts";

export interface MemoryBrokerOptions {
  /** Where finished tasks, checkpoints and schemas are kept between processes. @default nowhere */
  stateFile?: StateFile;
  /** @default 1 MiB, as a NATS server has it */
  maxPayload?: number;
}

/** The embedded broker: streams, groups and state inside this process, with the meaning of the NATS ones. */
export function createMemoryBroker(options: MemoryBrokerOptions = {}): Broker {
  return new MemoryBroker(options);
}

class MemoryBroker implements Broker {
  readonly durable = false;
  readonly maxPayload: number;
  readonly state: StateStore;
  readonly #streams = new Map<string, MemoryStream>();
  readonly #publishers = new Set<MemoryPublisher>();
  #closed = false;

  constructor(options: MemoryBrokerOptions) {
    this.maxPayload = options.maxPayload ?? 1 << 20;
    this.state = new MemoryState(options.stateFile);
  }

  ensureQueue(queue: QueueSpec): Promise<void> {
    if (!this.#streams.has(queue.stream)) {
      this.#streams.set(queue.stream, new MemoryStream(queue));
    }
    return Promise.resolve();
  }

  async consume(spec: GroupSpec): Promise<Consumer> {
    await this.ensureQueue(spec.queue);
    const stream = this.#streams.get(spec.queue.stream)!;
    let group = stream.groups.get(spec.group);
    if (group === undefined) {
      group = new MemoryGroup(stream, spec);
      stream.groups.set(spec.group, group);
    }
    return new MemoryConsumer(group);
  }

  queueState(stream: string, group: string): Promise<QueueState | undefined> {
    return Promise.resolve(this.#streams.get(stream)?.groups.get(group)?.state());
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
      for (const group of stream.groups.values()) {
        for (const member of [...group.members]) member.stop();
        group.close();
      }
    }
    return Promise.resolve();
  }

  #streamOf(subject: string): MemoryStream | undefined {
    for (const stream of this.#streams.values()) {
      if (subject.startsWith(stream.spec.subjects.slice(0, -1))) return stream;
    }
    return undefined;
  }
}

interface PublisherContext {
  streamOf: (subject: string) => MemoryStream | undefined;
  streams: () => Iterable<MemoryStream>;
  maxPayload: number;
  limit: number;
}

class MemoryPublisher implements Publisher {
  readonly #context: PublisherContext;
  /** A subject always leads to the same stream. */
  readonly #routes = new Map<string, MemoryStream>();
  readonly #waiters: { below: number; resolve: () => void }[] = [];
  /** What does not have its answer when `publish` returns: the stream is full. */
  readonly #open = new Set<OpenReceipt>();
  #closed = false;

  constructor(context: PublisherContext) {
    this.#context = context;
  }

  get outstanding(): number {
    return this.#open.size;
  }

  publish(message: OutMessage, receipt: Receipt): void {
    if (this.#closed) return receipt.failed(new Error("Cannot publish: the publisher is closed"));
    if (message.body.length > this.#context.maxPayload) {
      return receipt.failed(
        new RangeError(
          `Cannot publish ${message.body.length} bytes: the broker takes at most ${this.#context.maxPayload}`,
        ),
      );
    }
    const stream = this.#routes.get(message.subject) ?? this.#route(message.subject);
    if (stream === undefined) {
      return receipt.failed(
        new Error(`Cannot publish to "${message.subject}": no stream takes it`),
      );
    }
    const open = new OpenReceipt(receipt, this);
    stream.publish(message, open, parentOf(message));
    if (!open.answered) this.#open.add(open);
  }

  ready(signal?: AbortSignal): Promise<void> {
    return this.#below(this.#context.limit, signal);
  }

  flush(signal?: AbortSignal): Promise<void> {
    return this.#below(1, signal);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#context.streams()) {
      const mine = stream.withdraw((receipt) =>
        receipt instanceof OpenReceipt && receipt.owner === this
      );
      for (const receipt of mine) {
        receipt.failed(new Error("Cannot publish: the publisher was closed"));
      }
    }
  }

  answered(receipt: OpenReceipt): void {
    if (!this.#open.delete(receipt)) return;
    for (let i = this.#waiters.length - 1; i >= 0; i--) {
      if (this.#open.size >= this.#waiters[i]!.below) continue;
      this.#waiters.splice(i, 1)[0]!.resolve();
    }
  }

  #route(subject: string): MemoryStream | undefined {
    const stream = this.#context.streamOf(subject);
    if (stream !== undefined) this.#routes.set(subject, stream);
    return stream;
  }

  #below(below: number, signal?: AbortSignal): Promise<void> {
    if (this.#open.size < below || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push({ below, resolve });
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}

/** Passes the answer on and tells the publisher, which counts. */
class OpenReceipt implements Receipt {
  answered = false;
  constructor(readonly receipt: Receipt, readonly owner: MemoryPublisher) {}
  stored(duplicate: boolean): void {
    this.answered = true;
    this.receipt.stored(duplicate);
    this.owner.answered(this);
  }
  failed(error: Error): void {
    this.answered = true;
    this.receipt.failed(error);
    this.owner.answered(this);
  }
}
