import type { Origin } from "../../broker/broker.ts";

/** Counts the messages that stem from one record, and tells when the last is settled. */
export class RecordOrigin implements Origin {
  readonly #settled: (ok: boolean) => void;
  #held = 0;
  #ok = true;

  constructor(settled: (ok: boolean) => void) {
    this.#settled = settled;
  }

  hold(): void {
    this.#held++;
  }

  release(): void {
    if (--this.#held === 0) this.#settled(this.#ok);
  }

  fail(): void {
    this.#ok = false;
  }
}
