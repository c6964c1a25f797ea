import { ReadTap, type ReadText } from "./read_tap.ts";
import { WriteTap, type WriteText } from "./write_tap.ts";

export interface TapsOptions {
  readText: ReadText;
  writeText: WriteText;
}

/** Taps are used again for the next message. */
export class Taps {
  readonly #options: TapsOptions;
  /** One is enough: reading calls no code of the user's. */
  readonly reader: ReadTap;
  #idle: WriteTap | undefined;

  constructor(options: TapsOptions) {
    this.#options = options;
    this.reader = this.newReader();
  }

  newReader(): ReadTap {
    return new ReadTap(this.#options.readText);
  }

  newWriter(): WriteTap {
    return new WriteTap(this.#options.writeText);
  }

  /** Nobody else's until it is given back: a getter of a user's record may encode another record. */
  takeWriter(): WriteTap {
    const tap = this.#idle ?? this.newWriter();
    this.#idle = undefined;
    return tap;
  }

  giveBack(tap: WriteTap): void {
    this.#idle = tap;
  }
}
