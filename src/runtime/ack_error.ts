export interface AckErrorOptions {
  /** Whether the input is acknowledged, and so never processed again. @default true */
  ack?: boolean;
  /** Whether an error record carries the input as JSON; as Avro bytes otherwise. @default true */
  payloadAsJson?: boolean;
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
  override readonly name: string = "AckError";
  readonly #ack: boolean;
  readonly #payloadAsJson: boolean;

  constructor(message?: string, options: AckErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.#ack = options.ack ?? true;
    this.#payloadAsJson = options.payloadAsJson ?? true;
  }

  shouldAck(): boolean {
    return this.#ack;
  }

  payloadAsJson(): boolean {
    return this.#payloadAsJson;
  }
}
