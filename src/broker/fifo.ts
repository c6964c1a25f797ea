/** Taken entries after which the array is cut. */
const CUT_AT = 1024;

/** First in, first out, in constant time: `Array.shift` moves everything that stays. */
export class Fifo<T> {
  #entries: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#entries.length - this.#head;
  }

  push(entry: T): void {
    this.#entries.push(entry);
  }

  /** The oldest; undefined if there is none. */
  peek(): T | undefined {
    return this.#entries[this.#head];
  }

  /** Takes the oldest out; undefined if there is none. */
  shift(): T | undefined {
    const entry = this.#entries[this.#head];
    if (this.#head === this.#entries.length) return undefined;
    this.#entries[this.#head++] = undefined;
    if (this.#head > CUT_AT && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return entry;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = this.#head; i < this.#entries.length; i++) yield this.#entries[i] as T;
  }

  /** Takes out all for which `chosen` is true, in order. */
  take(chosen: (entry: T) => boolean): T[] {
    const taken: T[] = [];
    const left: T[] = [];
    for (let i = this.#head; i < this.#entries.length; i++) {
      const entry = this.#entries[i] as T;
      (chosen(entry) ? taken : left).push(entry);
    }
    this.#entries = left;
    this.#head = 0;
    return taken;
  }
}
