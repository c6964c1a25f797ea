/** Classes that are counted by name; a function that makes up names must not fill the memory. */
const MOST_CLASSES = 100;
const OTHERS = "other classes";

/** Failed attempts by the class of what was thrown. */
export class ErrorClasses {
  readonly #counts = new Map<string, number>();

  /** Counts one. */
  add(name: string): void {
    const isFull = this.#counts.size >= MOST_CLASSES && !this.#counts.has(name);
    const counted = isFull ? OTHERS : name;
    this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + 1);
  }

  /** The most frequent first. */
  entries(): [name: string, count: number][] {
    return [...this.#counts].sort(([, a], [, b]) => b - a);
  }
}
