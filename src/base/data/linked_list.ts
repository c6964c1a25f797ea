/** What a list links: it lies in one list at most. */
export interface Linked<T> {
  isListed: boolean;
  before: T | undefined;
  after: T | undefined;
}

/** A list linked through its items themselves, so that any of them leaves it at no cost: a map of them costs more than all other work on a message. */
export class LinkedList<T extends Linked<T>> implements Iterable<T> {
  size = 0;
  #first: T | undefined;
  #last: T | undefined;

  /** The one that was added first; undefined if there is none. */
  get first(): T | undefined {
    return this.#first;
  }

  /** To the end; an item that is here stays where it is. */
  add(item: T): void {
    if (item.isListed) return;
    item.isListed = true;
    item.before = this.#last;
    if (this.#last === undefined) this.#first = item;
    else this.#last.after = item;
    this.#last = item;
    this.size++;
  }

  /** False if it was not here. */
  delete(item: T): boolean {
    if (!item.isListed) return false;
    item.isListed = false;
    const { before, after } = item;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    item.before = item.after = undefined;
    this.size--;
    return true;
  }

  /** From the first on. The item whose turn it is may be deleted. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let item = this.#first; item !== undefined;) {
      const { after }: Linked<T> = item;
      yield item;
      item = after;
    }
  }
}
