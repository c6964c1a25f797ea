/** Promises of what is under way, each until it is settled. None of them may reject. */
export class UnderWay {
  readonly #promises = new Set<Promise<void>>();

  get size(): number {
    return this.#promises.size;
  }

  add(work: Promise<void>): void {
    const tracked = work.finally(() => this.#promises.delete(tracked));
    this.#promises.add(tracked);
  }

  /** Resolves when the first of them is settled. */
  one(): Promise<void> {
    return Promise.race(this.#promises);
  }

  /** Resolves when all that are there now are settled. */
  async all(): Promise<void> {
    await Promise.all(this.#promises);
  }
}
