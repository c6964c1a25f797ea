/**
 * Ids seen within a time window, at most a given number of them, the newest. Kept in two generations, so that forgetting costs nothing per id, and in
 * tables of fixed size: a `Map` takes four times as long, most of it for growing.
 */
export class RecentIds {
  readonly #windowMs: number;
  /** Made with the first id: most streams see none. */
  #generations?: { young: Generation; old: Generation };
  readonly #capacity: number;
  /** When the young generation began. */
  #since = 0;

  constructor(options: { windowMs: number; most: number }) {
    this.#windowMs = options.windowMs;
    this.#capacity = Math.max(1, options.most >> 1);
  }

  /** Whether the id was seen within the window; sees it now if not. @param now Milliseconds. */
  seen(id: string, now: number): boolean {
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
    const slot = young.slotOf(id, hash);
    const at = young.timeIn(slot) ?? old.timeIn(old.slotOf(id, hash));
    if (at !== undefined && now - at <= this.#windowMs) return true;
    young.set(slot, { id, hash, time: now });
    return false;
  }
}

/**
 * A hash table with open addressing. A slot has the number of an entry, from 1, and above it as much of the id's hash as fits, so that other memory is looked
 * at for that id alone; or 0. At most half of the slots are taken.
 */
class Generation {
  count = 0;
  readonly #slots: Int32Array;
  /** The bits of a slot that are the number. */
  readonly #number: number;
  readonly #times: Float64Array;
  readonly #ids: string[];

  constructor(capacity: number) {
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * capacity)));
    this.#number = this.#slots.length - 1;
    this.#times = new Float64Array(capacity);
    this.#ids = new Array(capacity).fill("");
  }

  /** Undefined if the slot is free. */
  timeIn(slot: number): number | undefined {
    const entry = this.#slots[slot]! & this.#number;
    return entry === 0 ? undefined : this.#times[entry - 1];
  }

  /** Into the slot of the id; one that is here already gets another time. */
  set(slot: number, { id, hash, time }: { id: string; hash: number; time: number }): void {
    let entry = this.#slots[slot]! & this.#number;
    if (entry === 0) {
      entry = ++this.count;
      this.#slots[slot] = (hash & ~this.#number) | entry;
      this.#ids[entry - 1] = id;
    }
    this.#times[entry - 1] = time;
  }

  clear(): void {
    this.#slots.fill(0);
    this.count = 0;
  }

  /** That of the id, or the free one where it belongs. */
  slotOf(id: string, hash: number): number {
    const number = this.#number;
    for (let slot = hash & number;; slot = (slot + 1) & number) {
      const found = this.#slots[slot]!;
      if (found === 0) return slot;
      if (((found ^ hash) & ~number) === 0 && this.#ids[(found & number) - 1] === id) return slot;
    }
  }
}

/** FNV-1a, its upper bits mixed into the lower ones. */
function hashOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return hash ^ (hash >>> 15);
}
