import type { Consumer, Delivery } from "../../broker/broker.ts";
import { WrappedConsumer } from "../../broker/wrapped.ts";

/** Takes so many messages and no more: for a source with `meta.limit`. A message counts when it is acked, so that one that comes again counts once. */
export class LimitedConsumer extends WrappedConsumer {
  readonly #reached: () => void;
  #left: number;
  #wanted: number;

  /** @param options.reached Called when the last of them is acked. */
  constructor(inner: Consumer, options: { limit: number; reached: () => void }) {
    super(inner);
    this.#reached = options.reached;
    this.#left = options.limit;
    this.#wanted = inner.slots;
  }

  get isReached(): boolean {
    return this.#left === 0;
  }

  override get slots(): number {
    return super.slots;
  }

  /** Never more than are left, so that none is taken that would have to be handed back. */
  override set slots(slots: number) {
    this.#wanted = slots;
    super.slots = Math.max(1, Math.min(slots, this.#left));
  }

  override ack(delivery: Delivery): void {
    if (this.#left > 0) this.#left--;
    if (this.#left === 0) this.#reached();
    // Before the ack frees a slot.
    this.slots = this.#wanted;
    super.ack(delivery);
  }
}
