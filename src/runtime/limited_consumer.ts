import type { Consumer, Delivery, QueueState } from "../broker/broker.ts";

/** Takes so many messages and no more: for a source with `meta.limit`. A message counts when it is acked, so that one that comes again counts once. */
export class LimitedConsumer implements Consumer {
  readonly #inner: Consumer;
  readonly #reached: () => void;
  #left: number;
  #slots: number;

  /** @param options.reached Called when the last of them is acked. */
  constructor(inner: Consumer, options: { limit: number; reached: () => void }) {
    this.#inner = inner;
    this.#reached = options.reached;
    this.#left = options.limit;
    this.#slots = inner.slots;
  }

  get isReached(): boolean {
    return this.#left === 0;
  }

  get slots(): number {
    return this.#inner.slots;
  }

  /** Never more than are left, so that none is taken that would have to be handed back. */
  set slots(slots: number) {
    this.#slots = slots;
    this.#inner.slots = Math.max(1, Math.min(slots, this.#left));
  }

  next(): Promise<Delivery[]> {
    return this.#inner.next();
  }

  wake(): void {
    this.#inner.wake();
  }

  ack(delivery: Delivery): void {
    if (this.#left > 0) this.#left--;
    if (this.#left === 0) this.#reached();
    // Before the ack frees a slot.
    this.slots = this.#slots;
    this.#inner.ack(delivery);
  }

  nak(delivery: Delivery, delayMs?: number): void {
    this.#inner.nak(delivery, delayMs);
  }

  working(delivery: Delivery): void {
    this.#inner.working(delivery);
  }

  forget(delivery: Delivery): void {
    this.#inner.forget(delivery);
  }

  stop(): void {
    this.#inner.stop();
  }

  close(timeoutMs?: number): Promise<void> {
    return this.#inner.close(timeoutMs);
  }

  state(): Promise<QueueState> {
    return this.#inner.state();
  }

  tidy(): Promise<{ old: number; young: number }> {
    return this.#inner.tidy();
  }
}
