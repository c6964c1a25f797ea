/** Room at first, and what is kept when there is nothing any more. A power of two. */
const LEAST_ROOM = 64;
/** Up to here the room that was needed once is kept. */
const KEPT_ROOM = 4096;

/** First in, first out, in constant time: `Array.shift` moves everything that stays. A ring, so that nothing is taken from memory for what passes through. */
export class Fifo<T> {
  #ring: (T | undefined)[] = new Array(LEAST_ROOM).fill(undefined);
  #first = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(entry: T): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[this.#placeOf(this.#size++)] = entry;
  }

  /** The oldest; undefined if there is none. */
  peek(): T | undefined {
    return this.#ring[this.#first];
  }

  /** Takes the oldest out; undefined if there is none. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const entry = this.#ring[this.#first];
    this.#ring[this.#first] = undefined;
    this.#first = this.#placeOf(1);
    this.#size--;
    if (this.#size === 0 && this.#ring.length > KEPT_ROOM) this.#move([]);
    return entry;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = 0; i < this.#size; i++) yield this.#ring[this.#placeOf(i)] as T;
  }

  /** Takes out all for which `chosen` is true, in order. */
  take(chosen: (entry: T) => boolean): T[] {
    const taken: T[] = [];
    const left: T[] = [];
    for (const entry of this) (chosen(entry) ? taken : left).push(entry);
    this.#move(left);
    return taken;
  }

  #placeOf(index: number): number {
    return (this.#first + index) & (this.#ring.length - 1);
  }

  #grow(): void {
    this.#move([...this], this.#ring.length * 2);
  }

  /** @param room A power of two. */
  #move(entries: readonly T[], room = this.#roomFor(entries.length)): void {
    this.#ring = [...entries, ...new Array(room - entries.length).fill(undefined)];
    this.#first = 0;
    this.#size = entries.length;
  }

  #roomFor(count: number): number {
    let room = LEAST_ROOM;
    while (room < count) room *= 2;
    return room;
  }
}
