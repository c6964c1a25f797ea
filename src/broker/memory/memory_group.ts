import { LinkedList } from "../../base/data/linked_list.ts";
import type { QueueState } from "../broker.ts";
import { Fifo } from "../../base/data/fifo.ts";
import { MemoryDelivery } from "./memory_delivery.ts";
import type { StoredMessage } from "./stored_message.ts";
import type { Timers } from "../../base/time/timers.ts";
import { turn } from "../../base/time/waiting.ts";

export interface MemoryGroupSpec {
  readonly group: string;
  /** Absent: all of the stream. */
  readonly subject?: string;
  readonly ackWaitMs: number;
  readonly maxAckPending: number;
}

/** A consumer as its group sees it. */
export interface GroupMember {
  /** Whether one more may be delivered here. */
  hasRoom(): boolean;
  receive(delivery: MemoryDelivery): void;
  stop(): void;
}

/** The stream of a group as the group sees it. */
export interface GroupStream {
  /** In order. */
  readonly messages: Iterable<StoredMessage>;
  readonly lastSequence: number;
  readonly size: number;
  readonly bytes: number;
  /** A group has acked the message. */
  acked(stored: StoredMessage): void;
}

/** A consumer group in memory: hands messages to its members in turn and again when an ack does not come. */
export class MemoryGroup {
  readonly name: string;
  readonly #members: GroupMember[] = [];
  /** Whose turn it is. */
  #turn = 0;
  /** Never delivered, in order. */
  readonly #fresh = new Fifo<StoredMessage>();
  /** To be delivered again now. */
  readonly #again = new Fifo<MemoryDelivery>();
  /** Held by a member, soonest deadline first: `working` moves a delivery to the end. */
  readonly #held = new LinkedList<MemoryDelivery>();
  /** Handed back with a delay. */
  readonly #delayed = new Map<MemoryDelivery, number>();
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

  constructor(readonly stream: GroupStream, spec: MemoryGroupSpec, timers: Timers) {
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

  join(member: GroupMember): void {
    this.#members.push(member);
    this.pump();
  }

  leave(member: GroupMember): void {
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
    while (this.#again.size + this.#fresh.size > 0) {
      if (this.#held.size >= this.#spec.maxAckPending) return;
      const member = this.#freeMember();
      if (member === undefined) return;
      this.#deliver(member, now ??= this.#now());
    }
  }

  /** Once for all that is published and settled in the same turn of the event loop: a batch of many costs much less than many of one. */
  pumpSoon(): void {
    if (this.#willPump) return;
    this.#willPump = true;
    void turn().then(this.#pumpNow);
  }

  ack(delivery: MemoryDelivery): void {
    const { last } = delivery;
    if (last.acked) return this.pumpSoon();
    last.acked = true;
    if (!this.#held.delete(last)) {
      this.#delayed.delete(last);
      this.#again.take((waiting) => waiting === last);
    }
    this.stream.acked(last.stored);
    this.pumpSoon();
  }

  nak(delivery: MemoryDelivery, delayMs: number): void {
    if (this.#held.delete(delivery)) {
      if (delayMs > 0) {
        const at = this.#timers.now() + delayMs;
        this.#delayed.set(delivery, at);
        this.#wakeAt(at);
      } else {
        this.#again.push(delivery);
      }
    }
    this.pumpSoon();
  }

  working(delivery: MemoryDelivery): void {
    if (!this.#held.delete(delivery)) return;
    delivery.deadline = this.#now() + this.#spec.ackWaitMs;
    this.#held.add(delivery);
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
    const open = [...this.#held, ...this.#delayed.keys(), ...this.#again];
    for (const { stored } of open) {
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

  #freeMember(): GroupMember | undefined {
    const count = this.#members.length;
    for (let i = 1; i <= count; i++) {
      const member = this.#members[(this.#turn + i) % count]!;
      if (member.hasRoom()) return member;
    }
    return undefined;
  }

  /** Hands the next message, of which there is one, to the member. */
  #deliver(member: GroupMember, now: number): void {
    this.#turn = this.#members.indexOf(member);
    const { ackWaitMs } = this.#spec;
    const before = this.#again.shift();
    const delivery = before === undefined
      ? new MemoryDelivery(this.#fresh.shift()!, 1, now, ackWaitMs)
      : new MemoryDelivery(before.stored, before.attempt + 1, now, ackWaitMs);
    if (before !== undefined) before.next = delivery;
    this.#held.add(delivery);
    this.#wakeAt(delivery.deadline);
    member.receive(delivery);
  }

  /** In whole milliseconds: for any other number V8 takes memory. */
  #now(): number {
    return Math.floor(this.#timers.now());
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
    for (const delivery of this.#held) {
      if (delivery.deadline > now) break;
      this.#held.delete(delivery);
      this.#again.push(delivery);
    }
    for (const [delivery, at] of this.#delayed) {
      if (at > now) continue;
      this.#delayed.delete(delivery);
      this.#again.push(delivery);
    }
    this.pump();
    const soonest = this.#held.first;
    if (soonest !== undefined) this.#wakeAt(soonest.deadline);
    for (const at of this.#delayed.values()) this.#wakeAt(at);
  }
}
