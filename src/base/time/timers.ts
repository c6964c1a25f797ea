/** What time is to a worker: the real one, or one that a test moves on by hand. */
export interface Timers {
  /** Milliseconds from an arbitrary start, as `performance.now()` gives them; never goes back. */
  now(): number;
  /** Calls once after so many milliseconds. Returns what takes that back; taking it back twice does nothing. */
  after(milliseconds: number, call: () => void): () => void;
  /** Calls again and again. Returns what ends that. */
  every(milliseconds: number, call: () => void): () => void;
}

export const REAL_TIMERS: Timers = {
  now: () => performance.now(),
  after(milliseconds, call) {
    const timer = setTimeout(call, milliseconds);
    return () => clearTimeout(timer);
  },
  every(milliseconds, call) {
    const timer = setInterval(call, milliseconds);
    return () => clearInterval(timer);
  },
};
