import { turn } from "./waiting.ts";

/**
 * A clock that is looked at once in a turn of the event loop, for what happens too often to look each time: that costs as much as decoding a field.
 * It is late by as long as the turn has lasted.
 */
export class TurnClock {
  readonly #look: () => number;
  #now: number | undefined;
  readonly #endTurn = () => {
    this.#now = undefined;
  };

  /** @param look Gives the time. */
  constructor(look: () => number) {
    this.#look = look;
  }

  now(): number {
    if (this.#now !== undefined) return this.#now;
    void turn().then(this.#endTurn);
    return this.#now = this.#look();
  }
}
