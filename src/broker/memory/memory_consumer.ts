import type { Consumer, Delivery, QueueState } from "../broker.ts";
import type { MemoryDelivery } from "./memory_delivery.ts";
import type { MemoryGroup } from "./memory_group.ts";

/** A member of a memory group. */
export class MemoryConsumer implements Consumer {
  readonly #group: MemoryGroup;
  #slots: number;
  #unsettled = 0;
  #buffer: MemoryDelivery[] = [];
  #waiter?: (deliveries: Delivery[]) => void;
  #woken = false;
  #stopped = false;

  constructor(group: MemoryGroup, slots = 1) {
    this.#group = group;
    this.#slots = slots;
    group.join(this);
  }

  get slots(): number {
    return this.#slots;
  }

  set slots(slots: number) {
    const more = slots > this.#slots;
    this.#slots = slots;
    if (more) this.#group.pump();
  }

  next(): Promise<Delivery[]> {
    if (this.#stopped || this.#woken || this.#buffer.length > 0) {
      this.#woken = false;
      return Promise.resolve(this.#takeBuffer());
    }
    return new Promise((resolve) => this.#waiter = resolve);
  }

  wake(): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter === undefined) this.#woken = true;
    else waiter(this.#takeBuffer());
  }

  ack(delivery: Delivery): void {
    this.#free(delivery as MemoryDelivery);
    this.#group.ack(delivery as MemoryDelivery);
  }

  nak(delivery: Delivery, delayMs = 0): void {
    this.#free(delivery as MemoryDelivery);
    this.#group.nak(delivery as MemoryDelivery, delayMs);
  }

  working(delivery: Delivery): void {
    this.#group.working(delivery as MemoryDelivery);
  }

  workingAhead(): void {
    for (const delivery of this.#buffer) this.working(delivery);
  }

  /** The group has taken the message back by itself; the slot is held until now, since whoever is late may hang. */
  forget(delivery: Delivery): void {
    this.#free(delivery as MemoryDelivery);
    this.#group.pump();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#group.leave(this);
    this.wake();
  }

  close(): Promise<void> {
    this.stop();
    for (const delivery of this.#takeBuffer()) this.nak(delivery);
    return Promise.resolve();
  }

  state(): Promise<QueueState> {
    return Promise.resolve(this.#group.state());
  }

  oldestAgeMs(): Promise<number> {
    return Promise.resolve(this.#group.oldestAgeMs());
  }

  tidy(): Promise<{ old: number; young: number }> {
    return Promise.resolve({ old: 0, young: 0 });
  }

  /** For the group: whether one more may be delivered here. */
  hasRoom(): boolean {
    return !this.#stopped && this.#unsettled < this.#slots;
  }

  /** For the group: a delivery for this member. */
  receive(delivery: MemoryDelivery): void {
    this.#unsettled++;
    this.#buffer.push(delivery);
    if (this.#waiter !== undefined) this.#answer(this.#waiter);
  }

  #answer(waiter: (deliveries: Delivery[]) => void): void {
    this.#waiter = undefined;
    // Whatever is published in the same turn of the event loop is taken in one go.
    queueMicrotask(() => waiter(this.#takeBuffer()));
  }

  #free(delivery: MemoryDelivery): void {
    if (delivery.settled) return;
    delivery.settled = true;
    this.#unsettled--;
  }

  #takeBuffer(): MemoryDelivery[] {
    if (this.#buffer.length === 0) return [];
    const taken = this.#buffer;
    this.#buffer = [];
    // A redelivery may be overtaken by the late ack of the delivery before.
    if (taken.every(({ last }) => !last.acked)) return taken;
    return taken.filter((delivery) => {
      if (delivery.last.acked) this.#free(delivery);
      return !delivery.last.acked;
    });
  }
}
