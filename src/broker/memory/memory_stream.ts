import { LinkedList } from "../../base/data/linked_list.ts";
import type { Headers, OutMessage, QueueSpec, Receipt } from "../broker.ts";
import { Fifo } from "../../base/data/fifo.ts";
import type { MemoryGroup } from "./memory_group.ts";
import type { TurnClock } from "../../base/time/turn_clock.ts";
import { MadeIds } from "./derived_ids.ts";
import { MemoryHeaders } from "./memory_headers.ts";
import { RecentIds } from "./recent_ids.ts";
import { parentOf, type StoredMessage } from "./stored_message.ts";

/** What a message takes in memory besides its body, about: `maxBytes` is meant to bound memory. */
const OVERHEAD = 512;
const NONE: Headers = {};
/** Ids of messages without a parent are remembered for the window, and at most this many of them. */
const MOST_IDS = 65_536;

/**
 * One stream in memory. A message leaves it when every group has acked it: nothing here outlives the process, so an acked message is
 * not needed for anyone's memory of ids.
 */
export class MemoryStream {
  /** An array: to go through a map takes memory for each message. */
  readonly groups: MemoryGroup[] = [];
  readonly #messages = new LinkedList<StoredMessage>();
  readonly #waiting = new Fifo<{ message: OutMessage; receipt: Receipt }>();
  readonly #ids: RecentIds;
  lastSequence = 0;
  bytes = 0;
  readonly #clock: TurnClock;
  #now = 0;
  #nanoseconds = "";
  /** Of the last message: most come with the same. */
  #headers = new MemoryHeaders(NONE);
  readonly #dropsOldest: boolean;

  /**
   * @param options.clock As `Date.now()` gives the time.
   * @param options.dropsOldest Makes room by dropping the oldest messages instead of waiting until they are acked. @default false
   */
  constructor(readonly spec: QueueSpec, options: { clock: TurnClock; dropsOldest?: boolean }) {
    this.#clock = options.clock;
    this.#dropsOldest = options.dropsOldest ?? false;
    this.#ids = new RecentIds({ windowMs: spec.duplicateWindowMs, most: MOST_IDS });
  }

  group(name: string): MemoryGroup | undefined {
    return this.groups.find((group) => group.name === name);
  }

  /** In order. */
  get messages(): Iterable<StoredMessage> {
    return this.#messages;
  }

  get size(): number {
    return this.#messages.size;
  }

  /** Stores now if there is room and nobody waits; undefined if not. @returns Whether the message was there already. */
  publish(message: OutMessage): boolean | undefined {
    if (this.#dropsOldest) this.#makeRoom(message);
    if (this.#waiting.size > 0 || !this.#hasRoom(message)) return undefined;
    return this.#store(message);
  }

  /** Stores when room is made, after what waits already. */
  wait(message: OutMessage, receipt: Receipt): void {
    this.#waiting.push({ message, receipt });
  }

  /** Takes back what waits for room, for a publisher that closes. */
  withdraw(mine: (receipt: Receipt) => boolean): Receipt[] {
    return this.#waiting.take((entry) => mine(entry.receipt)).map((entry) => entry.receipt);
  }

  /** A group has acked the message; frees it when all have. */
  acked(stored: StoredMessage): void {
    if (--stored.open > 0 || !this.#remove(stored)) return;
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (!this.#hasRoom(next.message)) return;
      this.#waiting.shift();
      next.receipt.stored(this.#store(next.message));
    }
  }

  /** Milliseconds are all the clock gives; the sequence tells messages of one millisecond apart. */
  #timestamp(now: number): string {
    if (now !== this.#now) {
      this.#now = now;
      this.#nanoseconds = `${now}000000`;
    }
    return this.#nanoseconds;
  }

  #makeRoom(message: OutMessage): void {
    for (const oldest of this.#messages) {
      if (this.#hasRoom(message)) return;
      for (const group of this.groups) group.drop(oldest);
      this.#remove(oldest);
    }
  }

  #remove(stored: StoredMessage): boolean {
    if (!this.#messages.delete(stored)) return false;
    this.bytes -= stored.size;
    stored.origin?.release();
    return true;
  }

  #hasRoom(message: OutMessage): boolean {
    return this.bytes + sizeOf(message) <= this.spec.maxBytes;
  }

  #store(message: OutMessage): boolean {
    const parent = parentOf(message);
    const now = this.#clock.now();
    if (this.#isKnown(message, parent, now)) return true;
    const stored: StoredMessage = {
      message,
      headers: this.#headersOf(message),
      sequence: ++this.lastSequence,
      timestamp: this.#timestamp(now),
      size: sizeOf(message),
      origin: message.origin ?? parent?.origin,
      made: undefined,
      open: 0,
      isListed: false,
      before: undefined,
      after: undefined,
    };
    stored.origin?.hold();
    this.#messages.add(stored);
    this.bytes += stored.size;
    for (const group of this.groups) group.offer(stored);
    return false;
  }

  #headersOf({ headers = NONE }: OutMessage): MemoryHeaders {
    if (headers !== this.#headers.all) this.#headers = new MemoryHeaders(headers);
    return this.#headers;
  }

  #isKnown(message: OutMessage, parent: StoredMessage | undefined, now: number): boolean {
    if (parent === undefined) return this.#ids.seen(message.id, now);
    if (parent.made !== undefined) return !parent.made.add(this, message.id);
    parent.made = new MadeIds(this, message.id);
    return false;
  }
}

function sizeOf(message: OutMessage): number {
  return message.body.length + OVERHEAD;
}
