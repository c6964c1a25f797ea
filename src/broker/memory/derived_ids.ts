/** So many are looked through one by one: that needs less memory than a set, and most messages have one or two. */
const FEW = 8;

interface Made {
  readonly stream: object;
  readonly id: string;
}

/** The messages that were made from one, by stream and id. */
export class MadeIds implements Made {
  readonly stream: object;
  readonly id: string;
  #others: Made[] | undefined;
  /** Of each stream, where there are many. */
  #sets: Map<object, Set<string>> | undefined;

  /** With the first. */
  constructor(stream: object, id: string) {
    this.stream = stream;
    this.id = id;
  }

  /** False if it is here already. */
  add(stream: object, id: string): boolean {
    if (this.#sets !== undefined) return addTo(this.#sets, { stream, id });
    if (this.id === id && this.stream === stream) return false;
    const others = this.#others ??= [];
    for (const other of others) if (other.id === id && other.stream === stream) return false;
    others.push({ stream, id });
    if (others.length === FEW) {
      this.#sets = new Map();
      for (const made of [this, ...others]) addTo(this.#sets, made);
      this.#others = undefined;
    }
    return true;
  }
}

function addTo(sets: Map<object, Set<string>>, { stream, id }: Made): boolean {
  const ids = sets.get(stream);
  if (ids === undefined) sets.set(stream, new Set([id]));
  else if (ids.has(id)) return false;
  else ids.add(id);
  return true;
}
