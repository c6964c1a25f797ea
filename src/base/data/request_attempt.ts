/** The server took too long. */
export class AttemptTimeout extends Error {
  override readonly name = "AttemptTimeout";
}

/**
 * One try of a request, up to the last byte of its answer. Its signal ends with any of the signals given, when a wait that was
 * announced takes too long, or with `end()`.
 */
export class Attempt {
  readonly #controller = new AbortController();
  readonly #outer: readonly AbortSignal[];
  #totalMs: number;
  #waitedMs = 0;

  /** @param totalMs How long the server may be waited for altogether; what the reader of a body takes does not count. */
  constructor(totalMs: number, outer: readonly (AbortSignal | undefined)[]) {
    this.#totalMs = totalMs;
    this.#outer = outer.filter((signal) => signal !== undefined);
    for (const signal of this.#outer) {
      if (signal.aborted) this.#controller.abort(signal.reason);
      signal.addEventListener("abort", this.#abort, { once: true });
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** More to come than was known: so much longer may be waited for it. */
  allow(ms: number): void {
    this.#totalMs += ms;
  }

  /** Waits for the server: not longer than `idleMs` now, nor `totalMs` over all waits. @throws the reason of the signal */
  async wait<T>(idleMs: number, step: () => Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    const left = this.#totalMs - this.#waitedMs;
    const ms = Math.max(0, Math.min(idleMs, left));
    const reason = left <= idleMs
      ? `no end of the answer after ${Math.round(this.#totalMs)} ms of waiting`
      : `nothing from the server for ${Math.round(idleMs)} ms`;
    const started = performance.now();
    const timer = setTimeout(() => this.#controller.abort(new AttemptTimeout(reason)), ms);
    try {
      return await step();
    } catch (error) {
      // What the platform throws on an abort differs; the reason says more.
      this.signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#waitedMs += performance.now() - started;
    }
  }

  /** Lets go of the connection if it is still busy. May be called again. */
  end(): void {
    for (const signal of this.#outer) signal.removeEventListener("abort", this.#abort);
    this.#controller.abort();
  }

  readonly #abort = (event: Event): void => {
    this.#controller.abort((event.target as AbortSignal).reason);
  };
}
