/**
 * Ids seen within a time window, at most a given number of them, the newest. Kept in two generations, so that forgetting costs nothing per id: taking
 * the oldest entries out of one large map one by one costs more than all other work on a message.
 */
export class RecentIds {
  readonly #windowMs: number;
  readonly #most: number;
  readonly #now: () => number;
  #young = new Map<string, number>();
  #old = new Map<string, number>();
  /** When the young generation began. */
  #since = 0;

  /** @param options.now Milliseconds. @default Date.now */
  constructor(options: { windowMs: number; most: number; now?: () => number }) {
    this.#windowMs = options.windowMs;
    this.#most = options.most;
    this.#now = options.now ?? Date.now;
  }

  /** Whether the id was seen within the window; sees it now if not. */
  seen(id: string): boolean {
    const now = this.#now();
    if (this.#young.size >= this.#most / 2 || now - this.#since > this.#windowMs) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#since = now;
    }
    const at = this.#young.get(id) ?? this.#old.get(id);
    if (at !== undefined && now - at <= this.#windowMs) return true;
    this.#young.set(id, now);
    return false;
  }
}
