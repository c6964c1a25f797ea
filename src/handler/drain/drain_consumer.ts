import type { Consumer, Delivery } from "../../broker/broker.ts";
import { WrappedConsumer } from "../../broker/wrapped.ts";
import type { Pace } from "./processing_estimate.ts";

/** What all consumers of one drain share. */
export class DrainBudget {
  /** Records that may still be taken. */
  left: number;
  /** Records that consumers have asked for and not got. */
  asked = 0;
  /** `performance.now()` */
  readonly until: number;

  constructor(options: { max: number; until: number }) {
    this.left = options.max;
    this.until = options.until;
  }
}

/**
 * Takes no more records than can be worked off within the budget, and asks for none that do not wait: a request that stays open would be answered when it is
 * too late.
 */
export class DrainConsumer extends WrappedConsumer {
  readonly #inner: Consumer;
  readonly #budget: DrainBudget;
  readonly #pace: Pace;
  /** Deliveries that the worker has, and when each was taken; not at all if it had to wait for others. */
  readonly #held = new Map<Delivery, { takenAt: number; isFirst: boolean }>();
  #wanted = 1;
  #atOnce?: number;
  #waiting = 0;
  #asked = 0;
  #settledAt = 0;
  #isOver = false;
  #wake?: () => void;

  constructor(inner: Consumer, options: { budget: DrainBudget; pace: Pace }) {
    super(inner);
    this.#inner = inner;
    this.#budget = options.budget;
    this.#pace = options.pace;
  }

  get held(): number {
    return this.#held.size;
  }

  /** Records taken so far. */
  taken = 0;
  /** Of these handed back. */
  handedBack = 0;

  /** Whether there is time for another record. */
  get hasTime(): boolean {
    return this.#allowed() > 0;
  }

  /** So many records wait that others do not have. */
  knows(waiting: number): void {
    this.#waiting = Math.max(0, waiting);
    this.#fit();
  }

  /** Hands everything back that is not worked off: what its worker still does with it is for whoever gets it next to find stored. */
  expire(): void {
    this.#isOver = true;
    for (const delivery of this.#held.keys()) this.#inner.nak(delivery);
    this.handedBack += this.#held.size;
    this.#held.clear();
    this.#fit();
    this.#inner.stop();
    this.#wake?.();
  }

  override get slots(): number {
    return this.#wanted;
  }
  override set slots(slots: number) {
    // The worker begins with as many as it can call at once.
    this.#atOnce ??= slots;
    this.#wanted = slots;
    this.#fit();
  }

  override async next(): Promise<Delivery[]> {
    if (this.#isOver) return [];
    const over = new Promise<undefined>((resolve) => this.#wake = () => resolve(undefined));
    const coming = this.#inner.next();
    const batch = await Promise.race([coming, over]);
    if (batch === undefined || this.#isOver) {
      for (const delivery of await coming) this.#inner.nak(delivery);
      return [];
    }
    const now = performance.now();
    for (const delivery of batch) {
      this.#held.set(delivery, {
        takenAt: now,
        isFirst: this.#held.size < (this.#atOnce ?? 1),
      });
      this.taken++;
      this.#waiting = Math.max(0, this.#waiting - 1);
      this.#budget.left--;
      if (this.#asked > 0) {
        this.#asked--;
        this.#budget.asked--;
      }
    }
    return batch;
  }

  override ack(delivery: Delivery): void {
    if (this.#settles(delivery)) this.#inner.ack(delivery);
  }

  override nak(delivery: Delivery, delayMs?: number): void {
    if (!this.#settles(delivery)) return;
    this.handedBack++;
    this.#inner.nak(delivery, delayMs);
  }

  override working(delivery: Delivery): void {
    if (this.#held.has(delivery)) this.#inner.working(delivery);
  }

  override forget(delivery: Delivery): void {
    if (this.#settles(delivery)) this.#inner.forget(delivery);
  }

  /** Called before the inner consumer has its slot back, so that it does not ask for another record with it. */
  #settles(delivery: Delivery): boolean {
    const held = this.#held.get(delivery);
    if (held === undefined) return false;
    this.#held.delete(delivery);
    const now = performance.now();
    if (held.isFirst) this.#pace.took(now - held.takenAt);
    this.#pace.followed(now - Math.max(held.takenAt, this.#settledAt));
    this.#settledAt = now;
    this.#fit();
    return true;
  }

  #allowed(): number {
    if (this.#isOver) return 0;
    return this.#pace.within(this.#budget.until - performance.now(), this.#atOnce ?? 1);
  }

  #fit(): void {
    const budget = this.#budget;
    budget.asked -= this.#asked;
    const room = Math.min(this.#wanted, this.#allowed()) - this.#held.size;
    const asked = Math.max(0, Math.min(room, this.#waiting, budget.left - budget.asked));
    this.#asked = asked;
    budget.asked += asked;
    this.#inner.slots = this.#held.size + asked;
  }
}
