/** In place of an answer. */
export const STOPPED = Symbol("stopped");

/** Waits for one thing at a time, or for a signal. Unlike `Promise.race` it leaves nothing at the signal for each wait. */
export class Interruptible {
  readonly #signal: AbortSignal;
  #interrupt?: () => void;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#interrupt?.(), { once: true });
  }

  /** Whether the last wait has had no answer. */
  get isWaiting(): boolean {
    return this.#interrupt !== undefined;
  }

  wait<T>(answer: PromiseLike<T>): Promise<T | typeof STOPPED> {
    return new Promise((resolve, reject) => {
      this.#interrupt = () => resolve(STOPPED);
      answer.then((value) => {
        this.#interrupt = undefined;
        resolve(value);
      }, (error) => {
        this.#interrupt = undefined;
        reject(error);
      });
      if (this.#signal.aborted) resolve(STOPPED);
    });
  }
}
