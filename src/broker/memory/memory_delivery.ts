import type { Linked } from "../../base/data/linked_list.ts";
import type { Delivery } from "../broker.ts";
import type { StoredMessage } from "./stored_message.ts";

/** One handing-over of a message by one group. */
export class MemoryDelivery implements Delivery, Linked<MemoryDelivery> {
  isListed = false;
  before: MemoryDelivery | undefined = undefined;
  after: MemoryDelivery | undefined = undefined;
  /** Whether its holder has its slot back. */
  settled = false;
  /** Of the last delivery of a message: whether one of them was acked. */
  acked = false;
  /** The same message, handed over again. */
  next: MemoryDelivery | undefined = undefined;

  /** By the group's timers, after which the message is delivered again. */
  deadline: number;

  constructor(
    readonly stored: StoredMessage,
    readonly attempt: number,
    readonly receivedAt: number,
    ackWaitMs: number,
  ) {
    this.deadline = receivedAt + ackWaitMs;
  }

  /** The delivery that counts; an earlier one may still ack. */
  get last(): MemoryDelivery {
    return this.next === undefined ? this : lastAfter(this.next);
  }

  get subject() {
    return this.stored.message.subject;
  }
  get id() {
    return this.stored.message.id;
  }
  get body() {
    return this.stored.message.body;
  }
  get sequence() {
    return this.stored.sequence;
  }
  get timestamp() {
    return this.stored.timestamp;
  }
  get origin() {
    return this.stored.origin;
  }
  header(name: string): string | undefined {
    return this.stored.headers.get(name);
  }
  headers(): Record<string, string> {
    return { ...this.stored.headers.all };
  }
}

function lastAfter(delivery: MemoryDelivery): MemoryDelivery {
  let last = delivery;
  while (last.next !== undefined) last = last.next;
  return last;
}
