export interface RecentCacheOptions<V> {
  /** What all values may weigh together. */
  readonly limit: number;
  weightOf(value: V): number;
  /** Called with each value that is dropped to make room. @default nothing is done */
  dropped?(value: V): void;
}

/**
 * Keeps what was used recently, for keys that come from outside. In two generations: when the younger has half of the weight it becomes the
 * older, and what the older has is dropped, unless it was used again meanwhile. A hit in the younger one moves nothing.
 */
export class RecentCache<K, V> {
  readonly #options: RecentCacheOptions<V>;
  #young = new Map<K, V>();
  #old = new Map<K, V>();
  #weight = 0;

  constructor(options: RecentCacheOptions<V>) {
    this.#options = options;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: K, value: V): void {
    const { limit, weightOf, dropped } = this.#options;
    this.#old.delete(key);
    const before = this.#young.get(key);
    if (before !== undefined) this.#weight -= weightOf(before);
    this.#young.set(key, value);
    this.#weight += weightOf(value);
    if (this.#weight <= limit / 2) return;
    const last = this.#old;
    this.#old = this.#young;
    this.#young = new Map();
    this.#weight = 0;
    if (dropped === undefined) return;
    for (const one of last.values()) dropped(one);
  }
}
