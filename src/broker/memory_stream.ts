import type { Origin, OutMessage, QueueSpec, Receipt } from "./broker.ts";
import type { MemoryGroup } from "./memory_group.ts";
import { RecentIds } from "./recent_ids.ts";

/** A message as a memory stream holds it. */
export interface StoredMessage {
  readonly message: OutMessage;
  readonly sequence: number;
  readonly timestamp: string;
  readonly size: number;
  readonly origin?: Origin;
  /** Ids of the messages made from it, each with its stream: what a redelivery must not store again, even one that is still being worked on after an ack. */
  outputs?: { stream: MemoryStream; id: string }[];
}

/** Ids of messages without a parent are remembered for the window, and at most this many of them. */
const MOST_IDS = 200_000;

/**
 * One stream in memory. A message leaves it when every group has acked it: nothing here outlives the process, so an acked message is
 * not needed for anyone's memory of ids.
 */
export class MemoryStream {
  readonly groups = new Map<string, MemoryGroup>();
  readonly #messages = new Map<number, StoredMessage>();
  readonly #waiting: { message: OutMessage; receipt: Receipt }[] = [];
  readonly #ids: RecentIds;
  lastSequence = 0;
  bytes = 0;

  constructor(readonly spec: QueueSpec) {
    this.#ids = new RecentIds({ windowMs: spec.duplicateWindowMs, most: MOST_IDS });
  }

  get messages(): Iterable<StoredMessage> {
    return this.#messages.values();
  }

  get size(): number {
    return this.#messages.size;
  }

  /** Stores now if there is room and nobody waits, else when room is made. */
  publish(message: OutMessage, receipt: Receipt, parent: StoredMessage | undefined): void {
    if (this.#waiting.length > 0 || !this.#hasRoom(message)) {
      this.#waiting.push({ message, receipt });
      return;
    }
    this.#store(message, receipt, parent);
  }

  /** Takes back what waits for room, for a publisher that closes. */
  withdraw(mine: (receipt: Receipt) => boolean): Receipt[] {
    const taken = this.#waiting.filter((entry) => mine(entry.receipt));
    const left = this.#waiting.filter((entry) => !mine(entry.receipt));
    this.#waiting.splice(0, this.#waiting.length, ...left);
    return taken.map((entry) => entry.receipt);
  }

  /** A group has acked the message; frees it when all have. */
  acked(stored: StoredMessage): void {
    for (const group of this.groups.values()) {
      if (group.needs(stored)) return;
    }
    if (!this.#messages.delete(stored.sequence)) return;
    this.bytes -= stored.size;
    stored.origin?.release();
    while (this.#waiting.length > 0 && this.#hasRoom(this.#waiting[0]!.message)) {
      const { message, receipt } = this.#waiting.shift()!;
      this.#store(message, receipt, parentOf(message));
    }
  }

  #hasRoom(message: OutMessage): boolean {
    return this.bytes + sizeOf(message) <= this.spec.maxBytes;
  }

  #store(message: OutMessage, receipt: Receipt, parent: StoredMessage | undefined): void {
    if (this.#isKnown(message, parent)) {
      receipt.stored(true);
      return;
    }
    const stored: StoredMessage = {
      message,
      sequence: ++this.lastSequence,
      timestamp: nanoseconds(),
      size: sizeOf(message),
      origin: message.origin ?? parent?.origin,
    };
    stored.origin?.hold();
    this.#messages.set(stored.sequence, stored);
    this.bytes += stored.size;
    for (const group of this.groups.values()) group.offer(stored);
    receipt.stored(false);
  }

  #isKnown(message: OutMessage, parent: StoredMessage | undefined): boolean {
    if (parent === undefined) return this.#ids.seen(message.id);
    const outputs = parent.outputs ??= [];
    for (const output of outputs) {
      if (output.id === message.id && output.stream === this) return true;
    }
    outputs.push({ stream: this, id: message.id });
    return false;
  }
}

/** The stored message that a message was made from, if it came from this kind of broker and is not acked yet. */
export function parentOf(message: OutMessage): StoredMessage | undefined {
  const parent = message.parent as { stored?: StoredMessage } | undefined;
  return parent?.stored;
}

function sizeOf(message: OutMessage): number {
  return message.body.length + message.subject.length + message.id.length;
}

/** Milliseconds are all the clock gives; the sequence tells messages of one millisecond apart. */
function nanoseconds(): string {
  return `${Date.now()}000000`;
}
