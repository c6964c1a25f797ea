import type { Headers } from "../broker.ts";

/** Headers to be looked up often: with one or two a loop takes a fraction of the time of a property whose name changes from call to call. */
export class MemoryHeaders {
  readonly all: Headers;
  readonly #names: readonly string[];
  readonly #values: readonly string[];

  constructor(headers: Headers) {
    this.all = headers;
    this.#names = Object.keys(headers);
    this.#values = Object.values(headers);
  }

  get(name: string): string | undefined {
    const names = this.#names;
    for (let i = 0; i < names.length; i++) if (names[i] === name) return this.#values[i];
    return undefined;
  }
}
