import { LinkedList } from "../../base/data/linked_list.ts";
import type { Flight } from "./flight.ts";

/** The deliveries that a worker works on. */
export class Flights implements Iterable<Flight> {
  readonly #flights = new LinkedList<Flight>();
  readonly #waiters: (() => void)[] = [];

  get size(): number {
    return this.#flights.size;
  }

  [Symbol.iterator](): Iterator<Flight> {
    return this.#flights[Symbol.iterator]();
  }

  /** Whether one is in the function's hands: neither done with nor waiting for a server. */
  get areInFunction(): boolean {
    for (const { returned, waits } of this.#flights) if (!returned && !waits) return true;
    return false;
  }

  add(flight: Flight): void {
    this.#flights.add(flight);
  }

  delete(flight: Flight): void {
    this.#flights.delete(flight);
    if (this.#flights.size > 0 || this.#waiters.length === 0) return;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** Resolves when there is none any more. */
  none(): Promise<void> {
    if (this.#flights.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }
}
