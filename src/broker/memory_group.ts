import { type Linked, LinkedList } from "../linked_list.ts";
import type { Delivery, QueueState } from "./broker.ts";
import { Fifo } from "./fifo.ts";
import type { MemoryConsumer } from "./memory_consumer.ts";
import type { MemoryStream, StoredMessage } from "./memory_stream.ts";
import type { Timers } from "../timers.ts";
import { turn } from "../waiting.ts";

/** A message on its way through one group. */
export interface Entry extends Linked<Entry> {
  readonly stored: StoredMessage;
  attempts: number;
  acked: boolean;
  /** The delivery that counts; an earlier one may still ack. */
  current: MemoryDelivery | undefined;
  /** By the group's timers, after which it is delivered again. */
  deadline: number;
}

export class MemoryDelivery implements Delivery {
  /** Whether its holder has its slot back. */
  settled = false;
  constructor(
    readonly entry: Entry,
    readonly attempt: number,
    readonly receivedAt: number,
  ) {}
  get stored(): StoredMessage {
    return this.entry.stored;
  }
  get subject() {
    return this.entry.stored.message.subject;
  }
  get id() {
    return this.entry.stored.message.id;
  }
  get body() {
    return this.entry.stored.message.body;
  }
  get sequence() {
    return this.entry.stored.sequence;
  }
  get timestamp() {
    return this.entry.stored.timestamp;
  }
  get origin() {
    return this.entry.stored.origin;
  }
  header(name: string): string | undefined {
    return this.entry.stored.headers.get(name);
  }
  headers(): Record<string, string> {
    return { ...this.entry.stored.headers.all };
  }
}

export interface MemoryGroupSpec {
  readonly group: string;
  /** Absent: all of the stream. */
  readonly subject?: string;
  readonly ackWaitMs: number;
  readonly maxAckPending: number;
}

/** A consumer group in memory: hands messages to its members in turn and again when an ack does not come. */
export class MemoryGroup {
  readonly name: string;
  readonly #members: MemoryConsumer[] = [];
  /** Whose turn it is. */
  #turn = 0;
  /** Never delivered, in order. */
  readonly #fresh = new Fifo<StoredMessage>();
  /** To be delivered again now. */
  readonly #again = new Fifo<Entry>();
  /** Held by a member, soonest deadline first: `working` moves an entry to the end. */
  readonly #held = new LinkedList<Entry>();
  /** Handed back with a delay. */
  readonly #delayed = new Map<Entry, number>();
  #cancelTimer?: () => void;
  #timerAt = Infinity;

  readonly #timers: Timers;
  #spec: MemoryGroupSpec;
  #willPump = false;
  // Made once: a function that makes one takes memory for it at each call, also where it returns before.
  readonly #pumpNow = () => {
    this.#willPump = false;
    this.pump();
  };
  readonly #onTime = () => this.#onTimer();

  constructor(readonly stream: MemoryStream, spec: MemoryGroupSpec, timers: Timers) {
    this.name = spec.group;
    this.#spec = spec;
    this.#timers = timers;
    for (const stored of stream.messages) this.#receive(stored);
  }

  /** Members may bring different ideas: the last ack wait holds, and the largest limit. */
  adopt(spec: MemoryGroupSpec): void {
    const maxAckPending = Math.max(spec.maxAckPending, this.#spec.maxAckPending);
    this.#spec = { ...spec, maxAckPending };
  }

  join(member: MemoryConsumer): void {
    this.#members.push(member);
    this.pump();
  }

  leave(member: MemoryConsumer): void {
    const at = this.#members.indexOf(member);
    if (at >= 0) this.#members.splice(at, 1);
  }

  /** A new message of the stream. */
  offer(stored: StoredMessage): void {
    if (this.#receive(stored)) this.pumpSoon();
  }

  #receive(stored: StoredMessage): boolean {
    if (!this.#takes(stored)) return false;
    stored.open++;
    this.#fresh.push(stored);
    return true;
  }

  /** The stream's oldest message is dropped: whoever holds it may finish with it. */
  drop(stored: StoredMessage): void {
    if (this.#fresh.peek() === stored) this.#fresh.shift();
  }

  /** Gives what can be delivered to members with free slots, in turn. */
  pump(): void {
    let now: number | undefined;
    for (;;) {
      if (this.#held.size >= this.#spec.maxAckPending) return;
      const member = this.#freeMember();
      if (member === undefined) return;
      const entry = this.#take();
      if (entry === undefined) return;
      this.#deliver(entry, member, now ??= this.#now());
    }
  }

  /** Once for all that is published and settled in the same turn of the event loop: a batch of many costs much less than many of one. */
  pumpSoon(): void {
    if (this.#willPump) return;
    this.#willPump = true;
    void turn().then(this.#pumpNow);
  }

  ack(delivery: MemoryDelivery): void {
    const { entry } = delivery;
    if (entry.acked) return this.pumpSoon();
    entry.acked = true;
    this.#release(entry);
    if (this.#delayed.size > 0) this.#delayed.delete(entry);
    if (this.#again.size > 0) this.#again.take((waiting) => waiting === entry);
    this.stream.acked(entry.stored);
    this.pumpSoon();
  }

  nak(delivery: MemoryDelivery, delayMs: number): void {
    const { entry } = delivery;
    if (entry.acked || entry.current !== delivery) return this.pumpSoon();
    this.#release(entry);
    if (delayMs > 0) {
      const at = this.#timers.now() + delayMs;
      this.#delayed.set(entry, at);
      this.#wakeAt(at);
    } else {
      this.#again.push(entry);
    }
    this.pumpSoon();
  }

  working(delivery: MemoryDelivery): void {
    const { entry } = delivery;
    if (entry.acked || entry.current !== delivery) return;
    this.#held.delete(entry);
    entry.deadline = this.#now() + this.#spec.ackWaitMs;
    this.#held.add(entry);
  }

  state(): QueueState {
    const oldest = [
      this.#fresh.peek()?.sequence,
      ...[...this.#held, ...this.#delayed.keys(), ...this.#again].map(({ stored }) =>
        stored.sequence
      ),
    ].filter((sequence) => sequence !== undefined);
    return {
      lastSequence: this.stream.lastSequence,
      ackFloor: oldest.length === 0 ? this.stream.lastSequence : Math.min(...oldest) - 1,
      messages: this.stream.size,
      bytes: this.stream.bytes,
      pending: this.#fresh.size,
      ackPending: this.#held.size + this.#delayed.size + this.#again.size,
    };
  }

  /** Since the oldest message that is not acked was stored; 0 if all is. */
  oldestAgeMs(): number {
    let oldest = this.#fresh.peek();
    const entries = [...this.#held, ...this.#delayed.keys(), ...this.#again];
    for (const { stored } of entries) {
      if (oldest === undefined || stored.sequence < oldest.sequence) oldest = stored;
    }
    if (oldest === undefined) return 0;
    return Math.max(0, Date.now() - Number(oldest.timestamp.slice(0, -6)));
  }

  /** Stops all members. */
  close(): void {
    for (const member of [...this.#members]) member.stop();
    this.#cancelTimer?.();
    this.#timerAt = Infinity;
  }

  #takes({ message }: StoredMessage): boolean {
    const { subject } = this.#spec;
    return subject === undefined || message.subject === subject;
  }

  #freeMember(): MemoryConsumer | undefined {
    const count = this.#members.length;
    for (let i = 1; i <= count; i++) {
      const member = this.#members[(this.#turn + i) % count]!;
      if (member.hasRoom()) return member;
    }
    return undefined;
  }

  #take(): Entry | undefined {
    const again = this.#again.shift();
    if (again !== undefined) return again;
    const stored = this.#fresh.shift();
    if (stored === undefined) return undefined;
    return {
      stored,
      attempts: 0,
      acked: false,
      current: undefined,
      deadline: 0,
      isListed: false,
      before: undefined,
      after: undefined,
    };
  }

  #deliver(entry: Entry, member: MemoryConsumer, now: number): void {
    this.#turn = this.#members.indexOf(member);
    const delivery = new MemoryDelivery(entry, ++entry.attempts, now);
    entry.current = delivery;
    entry.deadline = delivery.receivedAt + this.#spec.ackWaitMs;
    this.#held.add(entry);
    this.#wakeAt(entry.deadline);
    member.receive(delivery);
  }

  /** In whole milliseconds: for any other number V8 takes memory. */
  #now(): number {
    return Math.floor(this.#timers.now());
  }

  #release(entry: Entry): void {
    this.#held.delete(entry);
    entry.current = undefined;
  }

  #wakeAt(time: number): void {
    if (time >= this.#timerAt) return;
    this.#cancelTimer?.();
    this.#timerAt = time;
    const delayMs = Math.max(1, time - this.#timers.now());
    this.#cancelTimer = this.#timers.after(delayMs, this.#onTime);
  }

  #onTimer(): void {
    this.#timerAt = Infinity;
    const now = this.#timers.now();
    for (const entry of this.#held) {
      if (entry.deadline > now) break;
      this.#release(entry);
      this.#again.push(entry);
    }
    for (const [entry, at] of this.#delayed) {
      if (at > now) continue;
      this.#delayed.delete(entry);
      this.#again.push(entry);
    }
    this.pump();
    const soonest = this.#held.first;
    if (soonest !== undefined) this.#wakeAt(soonest.deadline);
    for (const at of this.#delayed.values()) this.#wakeAt(at);
  }
}
