import { turn } from "./waiting.ts";

/** So long others wait at most for the thread: timers, signals, other requests. */
const SLICE_MS = 10;

/** Cuts long computations into slices, between which all else that waits for the thread gets its turn. */
export class Breather {
  readonly #signal: AbortSignal | undefined;
  #since = performance.now();

  /** @param signal Ends the computation at the next slice. */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether the slice is over, so that {@linkcode rest} is due. */
  get isDue(): boolean {
    return performance.now() - this.#since > SLICE_MS;
  }

  /** Called between two steps of the computation. @throws the signal's reason. */
  async rest(): Promise<void> {
    if (!this.isDue) return;
    await turn();
    this.#signal?.throwIfAborted();
    this.#since = performance.now();
  }
}
