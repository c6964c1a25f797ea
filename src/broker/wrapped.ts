import type { Consumer, Delivery, QueueState } from "./broker.ts";

/** Passes everything on to another consumer: for those that change a part of it. */
export class WrappedConsumer implements Consumer {
  readonly #inner: Consumer;

  constructor(inner: Consumer) {
    this.#inner = inner;
  }

  get slots(): number {
    return this.#inner.slots;
  }
  set slots(slots: number) {
    this.#inner.slots = slots;
  }
  next(): Promise<Delivery[]> {
    return this.#inner.next();
  }
  wake(): void {
    this.#inner.wake();
  }
  ack(delivery: Delivery): void {
    this.#inner.ack(delivery);
  }
  nak(delivery: Delivery, delayMs?: number): void {
    this.#inner.nak(delivery, delayMs);
  }
  working(delivery: Delivery): void {
    this.#inner.working(delivery);
  }
  workingAhead(): void {
    this.#inner.workingAhead();
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
  oldestAgeMs(): Promise<number> {
    return this.#inner.oldestAgeMs();
  }
  tidy(): Promise<{ old: number; young: number }> {
    return this.#inner.tidy();
  }
}
