/**
 * Ids seen within a time window, at most a given number of them, the newest. Kept in two generations, so that forgetting costs nothing per id, and in
 * tables of fixed size: a `Map` takes four times as long, most of it for growing.
 */
export class RecentIds {
  readonly #windowMs: number;
  readonly #now: () => number;
  /** Made with the first id: most streams see none. */
  #generations?: { young: Generation; old: Generation };
  readonly #capacity: number;
  /** When the young generation began. */
  #since = 0;

  /** @param options.now Milliseconds. @default Date.now */
  constructor(options: { windowMs: number; most: number; now?: () => number }) {
    this.#windowMs = options.windowMs;
    this.#capacity = Math.max(1, options.most >> 1);
    this.#now = options.now ?? Date.now;
  }

  /** Whether the id was seen within the window; sees it now if not. */
  seen(id: string): boolean {
    const now = this.#now();
    const generations = this.#generations ??= {
      young: new Generation(this.#capacity),
      old: new Generation(this.#capacity),
    };
    if (generations.young.count === this.#capacity || now - this.#since > this.#windowMs) {
      const { young, old } = generations;
      generations.young = old;
      generations.old = young;
      old.clear();
      this.#since = now;
    }
    const { young, old } = generations;
    const hash = hashOf(id);
    const at = young.timeOf(id, hash) ?? old.timeOf(id, hash);
    if (at !== undefined && now - at <= this.#windowMs) return true;
    young.set(id, hash, now);
    return false;
  }
}

/** A hash table with open addressing: a slot has the number of an entry, from 1, or 0. At most half of the slots are taken. */
class Generation {
  count = 0;
  readonly #slots: Int32Array;
  readonly #hashes: Int32Array;
  readonly #times: Float64Array;
  readonly #ids: string[];

  constructor(capacity: number) {
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * capacity)));
    this.#hashes = new Int32Array(capacity);
    this.#times = new Float64Array(capacity);
    this.#ids = new Array(capacity).fill("");
  }

  timeOf(id: string, hash: number): number | undefined {
    const entry = this.#slots[this.#slotOf(id, hash)]!;
    return entry === 0 ? undefined : this.#times[entry - 1];
  }

  /** An id that is here already gets another time. */
  set(id: string, hash: number, time: number): void {
    const slot = this.#slotOf(id, hash);
    let entry = this.#slots[slot]!;
    if (entry === 0) {
      entry = this.#slots[slot] = ++this.count;
      this.#hashes[entry - 1] = hash;
      this.#ids[entry - 1] = id;
    }
    this.#times[entry - 1] = time;
  }

  clear(): void {
    this.#slots.fill(0);
    this.count = 0;
  }

  /** That of the id, or the free one where it belongs. */
  #slotOf(id: string, hash: number): number {
    const last = this.#slots.length - 1;
    for (let slot = hash & last;; slot = (slot + 1) & last) {
      const entry = this.#slots[slot]!;
      if (entry === 0 || (this.#hashes[entry - 1] === hash && this.#ids[entry - 1] === id)) {
        return slot;
      }
    }
  }
}

/** FNV-1a, its upper bits mixed into the lower ones. */
function hashOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return hash ^ (hash >>> 15);
}
