import { RejectedError } from "../../base/errors.ts";
import type { OutMessage, Publisher, Receipt } from "../broker.ts";
import type { MemoryStream } from "./memory_stream.ts";

export interface MemoryPublisherContext {
  streamOf: (subject: string) => MemoryStream | undefined;
  streams: () => Iterable<MemoryStream>;
  maxPayload: number;
  limit: number;
}

/** Stores in the streams of one memory broker; only a full one makes a message wait. */
export class MemoryPublisher implements Publisher {
  readonly #context: MemoryPublisherContext;
  /** A subject always leads to the same stream. */
  readonly #routes = new Map<string, MemoryStream>();
  /** That of the last message: most go where the one before went. */
  #lastRoute?: { subject: string; stream: MemoryStream };
  readonly #waiters: { below: number; resolve: () => void }[] = [];
  /** What waits because its stream is full. */
  readonly #open = new Set<OpenReceipt>();
  #closed = false;

  constructor(context: MemoryPublisherContext) {
    this.#context = context;
  }

  get outstanding(): number {
    return this.#open.size;
  }

  publish(message: OutMessage, receipt: Receipt): void {
    if (this.#closed) return receipt.failed(new Error("Cannot publish: the publisher is closed"));
    if (message.body.length > this.#context.maxPayload) {
      return receipt.failed(
        new RejectedError(
          `Cannot publish ${message.body.length} bytes: the broker takes at most ${this.#context.maxPayload}`,
        ),
      );
    }
    const { subject } = message;
    const stream = subject === this.#lastRoute?.subject
      ? this.#lastRoute.stream
      : this.#route(subject);
    if (stream === undefined) {
      return receipt.failed(
        new Error(`Cannot publish to "${subject}": no stream takes it`),
      );
    }
    const duplicate = stream.publish(message);
    if (duplicate !== undefined) return receipt.stored(duplicate);
    const open = new OpenReceipt(receipt, this);
    this.#open.add(open);
    stream.wait(message, open);
  }

  ready(signal?: AbortSignal, limit = Infinity): Promise<void> {
    return this.#below(Math.min(limit, this.#context.limit), signal);
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

  /** For its receipts. */
  answered(receipt: OpenReceipt): void {
    if (!this.#open.delete(receipt)) return;
    for (let i = this.#waiters.length - 1; i >= 0; i--) {
      if (this.#open.size >= this.#waiters[i]!.below) continue;
      this.#waiters.splice(i, 1)[0]!.resolve();
    }
  }

  #route(subject: string): MemoryStream | undefined {
    const stream = this.#routes.get(subject) ?? this.#context.streamOf(subject);
    if (stream === undefined) return undefined;
    this.#routes.set(subject, stream);
    this.#lastRoute = { subject, stream };
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

/** Of a message that waits for room: passes the answer on and tells the publisher, which counts. */
class OpenReceipt implements Receipt {
  constructor(readonly receipt: Receipt, readonly owner: MemoryPublisher) {}
  stored(duplicate: boolean): void {
    this.receipt.stored(duplicate);
    this.owner.answered(this);
  }
  failed(error: Error): void {
    this.receipt.failed(error);
    this.owner.answered(this);
  }
}
