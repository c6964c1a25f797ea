/**
 * How long the server keeps a request for messages open. Until then it may send messages to a worker it does not know to be dead, and
 * each of them comes to another only after the ack wait.
 */
export const PULL_EXPIRES_MS = 10_000;
/** How often it says that the request is still open. */
export const PULL_HEARTBEAT_MS = 3_000;
const GRACE_MS = 5_000;

interface Pull {
  readonly batch: number;
  readonly until: number;
}

/**
 * Keeps count of what was asked for and has not come. Deliveries do not say which request they answer, and the server serves
 * several requests in turn, so only the sum is exact; single requests are kept to know whether any is still open.
 */
export class NatsPulls {
  readonly #open = new Map<number, Pull>();
  #asked = 0;
  #token = 0;
  #heard = 0;
  /** Deliveries are signs of life too, counted without reading the clock for each. */
  #moved = false;
  readonly #now: () => number;

  /** @param now Milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Messages asked for that may still come. */
  get asked(): number {
    return this.#asked;
  }

  /** Takes note of a request; returns its token. */
  ask(batch: number): number {
    const now = this.#now();
    if (this.#open.size === 0) this.#heard = now;
    this.#asked += batch;
    this.#open.set(++this.#token, { batch, until: now + PULL_EXPIRES_MS + GRACE_MS });
    return this.#token;
  }

  delivered(): void {
    this.#moved = true;
    if (this.#asked > 0 && --this.#asked === 0) this.#open.clear();
  }

  heard(): void {
    this.#heard = this.#now();
  }

  /** A request ended. @param left How many messages it did not get; unknown: all. */
  ended(token: number, left?: number): void {
    const pull = this.#open.get(token);
    if (pull === undefined) return;
    this.#open.delete(token);
    this.#asked = this.#open.size === 0 ? 0 : Math.max(0, this.#asked - (left ?? pull.batch));
  }

  /** Whether the server has been silent for so long that the requests must be taken for lost. */
  silent(): boolean {
    const now = this.#now();
    if (this.#moved) this.#heard = now;
    this.#moved = false;
    for (const [token, pull] of this.#open) if (pull.until < now) this.#open.delete(token);
    if (this.#open.size === 0) this.#asked = 0;
    return this.#asked > 0 && now - this.#heard > 2 * PULL_HEARTBEAT_MS + GRACE_MS;
  }

  reset(): void {
    this.#open.clear();
    this.#asked = 0;
  }
}
