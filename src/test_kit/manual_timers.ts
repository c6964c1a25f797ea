import type { Timers } from "../base/time/timers.ts";

interface Timer {
  at: number;
  readonly call: () => void;
  /** Of one that goes on. */
  readonly everyMs?: number;
}

/** Time that passes only when it is told to. */
export class ManualTimers implements Timers {
  readonly #timers = new Set<Timer>();
  #now = 0;

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, call: () => void): () => void {
    return this.#add({ at: this.#now + milliseconds, call });
  }

  every(milliseconds: number, call: () => void): () => void {
    return this.#add({ at: this.#now + milliseconds, call, everyMs: milliseconds });
  }

  /** When the next call is due; undefined if none is. */
  get nextAt(): number | undefined {
    const [first] = this.#inOrder();
    return first?.at;
  }

  /** Moves on to a time and makes the calls that are due then, in order; none of what they ask for. */
  moveTo(time: number): void {
    this.#now = Math.max(this.#now, time);
    for (const timer of this.#inOrder()) {
      // An earlier call may have taken it back.
      if (timer.at > this.#now || !this.#timers.has(timer)) continue;
      if (timer.everyMs === undefined) this.#timers.delete(timer);
      else timer.at += timer.everyMs;
      timer.call();
    }
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  #inOrder(): Timer[] {
    return [...this.#timers].sort((a, b) => a.at - b.at);
  }
}
