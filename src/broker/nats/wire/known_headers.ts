const NO_BYTES = new Uint8Array();
const ID = "\r\nNats-Msg-Id:";
const CR = 13;

/** Headers in the bytes of a message. */
export interface HeaderPlace {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/**
 * Headers of the last message that was read, so that those of the next need not be: what comes from one producer differs in the message id alone. To
 * compare is a fifth of the work of making text of them.
 */
export class KnownHeaders {
  /** Up to where the id begins, or all of them if there is none. */
  #bytes = NO_BYTES;
  #hasId = false;
  #values: ReadonlyMap<string, string> = new Map();

  /**
   * The headers other than the id, by name; undefined if they are not those of before.
   */
  of({ bytes, from, to }: HeaderPlace): ReadonlyMap<string, string> | undefined {
    const known = this.#bytes;
    const { length } = known;
    if (length === 0 || (this.#hasId ? to - from < length + 4 : to - from !== length)) {
      return undefined;
    }
    for (let i = 0; i < length; i++) if (bytes[from + i] !== known[i]) return undefined;
    if (this.#hasId) {
      // The id is the last line, and there is no other.
      const last = to - 4;
      if (bytes[last] !== CR) return undefined;
      for (let i = from + length; i < last; i++) if (bytes[i] === CR) return undefined;
    }
    return this.#values;
  }

  /** @param text The same headers. */
  learn({ bytes, from, to }: HeaderPlace, text: string): void {
    const length = to - from;
    this.#bytes = NO_BYTES;
    // With characters of more than one byte places in the text are none in the bytes.
    if (text.length !== length || !text.endsWith("\r\n\r\n")) return;
    const at = text.indexOf(ID);
    this.#hasId = at >= 0;
    const end = at < 0 ? length : at + ID.length;
    if (at >= 0 && text.indexOf("\r\n", end) !== length - 4) return;
    const values = new Map<string, string>();
    for (const line of text.slice(0, at < 0 ? length : at).split("\r\n").slice(1)) {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon);
      // Of several of one name the first counts.
      if (colon >= 0 && !values.has(name)) values.set(name, line.slice(colon + 1).trim());
    }
    this.#bytes = bytes.slice(from, from + end);
    this.#values = values;
  }
}
