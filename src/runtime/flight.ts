import type { Delivery, Receipt } from "../broker/broker.ts";
import type { RecordSchema, RecordValue } from "../codec/codec.ts";
import type { Download } from "./download.ts";
import type { ReleasedGroup } from "./manual_ack.ts";

/**
 * One delivery on its way through a worker. It is the receipt of everything published for it, so that no promise is needed to know when the
 * last confirmation is there.
 */
export class Flight implements Receipt {
  /** Absent until decoded. */
  record?: RecordValue;
  /** The schema it was written with. */
  schema?: RecordSchema;
  download?: Download;
  /** Whether the function has returned: from then on only confirmations are waited for. */
  returned = false;
  /** Whether nothing is done for it until a store is back. */
  waits = false;
  /** Whether its call has returned or failed. */
  isOver = false;
  /** Whether its call has asked for the acknowledgement of everything held. */
  ackRequested = false;
  /** The inputs that it is acknowledged together with. */
  group?: ReleasedGroup;
  /** Side out records sent so far: part of their message ids. */
  sideRecords = 0;
  error?: Error;
  duplicates = 0;
  /** Confirmations to come, and one until `seal()`. */
  #open = 1;
  readonly #landed: (flight: Flight) => void;

  /**
   * @param startedAt `performance.now()`.
   * @param landed Called once, when the flight is sealed and everything is answered.
   */
  constructor(
    readonly delivery: Delivery,
    readonly startedAt: number,
    landed: (flight: Flight) => void,
  ) {
    this.#landed = landed;
  }

  /** One more confirmation to come. */
  expect(): void {
    this.#open++;
  }

  stored(duplicate: boolean): void {
    if (duplicate) this.duplicates++;
    if (--this.#open === 0) this.#landed(this);
  }

  failed(error: Error): void {
    this.error ??= error;
    if (--this.#open === 0) this.#landed(this);
  }

  /** Nothing more will be published. */
  seal(): void {
    if (--this.#open === 0) this.#landed(this);
  }
}
