import type { OutMessage, Publisher, Receipt } from "./broker.ts";

/** Passes everything on to another publisher: for those that change a part of it. */
export class WrappedPublisher implements Publisher {
  readonly #inner: Publisher;

  constructor(inner: Publisher) {
    this.#inner = inner;
  }

  publish(message: OutMessage, receipt: Receipt): void {
    this.#inner.publish(message, receipt);
  }
  get outstanding(): number {
    return this.#inner.outstanding;
  }
  ready(signal?: AbortSignal, limit?: number): Promise<void> {
    return this.#inner.ready(signal, limit);
  }
  flush(signal?: AbortSignal): Promise<void> {
    return this.#inner.flush(signal);
  }
  close(): void {
    this.#inner.close();
  }
}
