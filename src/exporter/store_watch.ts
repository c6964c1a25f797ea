import { waitAtMost } from "../base/time/waiting.ts";

/** An answer is good for so long: however many ask, the store is asked this often at most. */
const FRESH_MS = 2000;
/** Who asks us is not kept waiting for longer; Kubernetes gives a probe one second. */
const PROBE_MS = 800;
/** A store that has not answered for so long is away, whatever it said before. */
const LATE_MS = 3000;

/** Whether a store answers, asked only while somebody wants to know. */
export class StoreWatch {
  readonly #check: () => Promise<void>;
  /** Nothing is known of it yet. */
  #isAway = true;
  #askedAt = -Infinity;
  #answeredAt = -Infinity;
  #asking?: Promise<void>;

  /** @param check Rejects if the store does not answer. */
  constructor(check: () => Promise<void>) {
    this.#check = check;
  }

  /** Answers within a second. Never rejects. */
  async isAway(): Promise<boolean> {
    if (this.#asking === undefined && performance.now() - this.#answeredAt > FRESH_MS) {
      this.#askedAt = performance.now();
      this.#asking = this.#ask();
    }
    if (this.#asking !== undefined) await waitAtMost(this.#asking, PROBE_MS);
    const isLate = this.#asking !== undefined && performance.now() - this.#askedAt > LATE_MS;
    return this.#isAway || isLate;
  }

  async #ask(): Promise<void> {
    try {
      await this.#check();
      this.#isAway = false;
    } catch {
      this.#isAway = true;
    }
    this.#answeredAt = performance.now();
    this.#asking = undefined;
  }
}
