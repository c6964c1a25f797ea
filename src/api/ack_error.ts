/** What becomes of the input of an `AckError`. */
export interface AckErrorOptions {
  /** Whether the input is acknowledged, and so never processed again. @default true */
  ack?: boolean;
  /** Whether an error record carries the input as JSON; as Avro bytes otherwise. @default true */
  payloadAsJson?: boolean;
  /** The error behind it, as for any `Error`. */
  cause?: unknown;
}

/**
 * Thrown by a function to say what becomes of the input (product document, "Error SideStream behavior"). By default the input is
 * acknowledged; with `ack: false`, or a subclass that overrides `shouldAck()`, it is tried again like after any other error.
 *
 * ```ts
 * throw new AckError("not a picture");                     // do not try again
 * throw new AckError("network is away", { ack: false });   // try again later
 * ```
 */
export class AckError extends Error {
  /** `"AckError"` */
  override readonly name: string = "AckError";
  readonly #ack: boolean;
  readonly #payloadAsJson: boolean;

  /** Gives the input up, unless `options` say otherwise. Logs and error records show the message. */
  constructor(message?: string, options: AckErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.#ack = options.ack ?? true;
    this.#payloadAsJson = options.payloadAsJson ?? true;
  }

  /** Whether the input is acknowledged. A subclass may override it. */
  shouldAck(): boolean {
    return this.#ack;
  }

  /** Whether an error record carries the input as JSON. A subclass may override it. */
  payloadAsJson(): boolean {
    return this.#payloadAsJson;
  }
}
