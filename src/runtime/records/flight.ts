import type { Delivery, Receipt } from "../../broker/broker.ts";
import type { RecordSchema, RecordValue } from "../../codec/codec.ts";
import type { Linked } from "../../base/data/linked_list.ts";
import type { Download } from "../downloads/download.ts";
import type { Trace } from "./trace.ts";

/** Flights that are settled together. */
export interface FlightGroup {
  /** One of them has landed. */
  land(flight: Flight): void;
}

/**
 * One delivery on its way through a worker. It is the receipt of everything published for it, so that no promise is needed to know when the
 * last confirmation is there.
 */
export class Flight implements Receipt, Linked<Flight> {
  isListed = false;
  before: Flight | undefined = undefined;
  after: Flight | undefined = undefined;
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
  group?: FlightGroup;
  /** Side out records sent so far: part of their message ids. */
  sideRecords = 0;
  /** Why something that was published for it cannot be stored. */
  error?: Error;
  duplicates = 0;
  /** Confirmations to come, and one until `seal()`. */
  #open = 1;
  #thrown?: { readonly error: unknown };
  readonly #landed: (flight: Flight) => void;

  /**
   * @param startedAt `performance.now()`.
   * @param tries How often its message was begun, with this time; at most the delivery's attempt.
   * @param landed Called once, when the flight is sealed and everything is answered.
   * @param trace Present if the message came with one, or one begins with it.
   */
  constructor(
    readonly delivery: Delivery,
    readonly startedAt: number,
    readonly tries: number,
    landed: (flight: Flight) => void,
    readonly trace: Trace | undefined,
  ) {
    this.#landed = landed;
  }

  /** Why its input cannot be acknowledged as done; known once it has landed. */
  get failure(): { readonly error: unknown } | undefined {
    return this.error === undefined ? this.#thrown : { error: this.error };
  }

  /** Its call has failed. What that has sent to side outs is stored before the input is settled, as after a call that returns. */
  threw(error: unknown): void {
    this.#thrown = { error };
    this.returned = this.isOver = true;
    this.seal();
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
