/** A password or token. It prints as `***` wherever text or JSON is made of it; only `reveal()` gives it away. */
export class Secret {
  readonly #text: string;
  /** Takes the password itself. */
  constructor(text: string) {
    this.#text = text;
  }
  /** The text itself, to be handed to a client library and to nothing else. */
  reveal(): string {
    return this.#text;
  }
  /** `***` */
  toString(): string {
    return "***";
  }
  /** `***` */
  toJSON(): string {
    return "***";
  }
}
