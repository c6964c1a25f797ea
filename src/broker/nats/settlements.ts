import type { NatsDelivery } from "./delivery.ts";
import { newInbox } from "./wire/inbox.ts";
import type { NatsSubscription } from "./wire/inlet.ts";
import type { NatsLink } from "./wire/link.ts";
import type { NatsMessage } from "./wire/message.ts";
import type { Logger } from "../../base/log.ts";

const ACK = "+ACK";
const NAK = "-NAK";
const NANOS_PER_MS = 1_000_000;
const PATIENCE_BEATS = 4;
/** 30 s in all: a connection on which nothing comes any more is known to be one after 20, and what was sent there is sent on the next. */
const MOST_TRIES = 15;

/**
 * Sends acks and naks, and sends them again until the server confirmed them. A consumer takes what comes over one connection in
 * order, so one confirmation speaks for all that was sent before it: only one is asked for at a time, which makes it nearly free.
 */
export class NatsSettlements {
  readonly #link: NatsLink;
  readonly #log: Logger;
  readonly #inbox = newInbox();
  /** What is not confirmed, in the order sent; the token of the first of them. */
  readonly #replies: string[] = [];
  readonly #verbs: string[] = [];
  #first = 1;
  /** Token whose confirmation is awaited; 0 if none. */
  #asked = 0;
  #due = 0;
  #tries = 0;
  #beat = 0;
  #subscription?: NatsSubscription;
  #emptied: (() => void)[] = [];

  constructor(link: NatsLink, log: Logger) {
    this.#link = link;
    this.#log = log;
    if (link.connected) this.#subscribe();
  }

  ack(delivery: NatsDelivery): void {
    this.#send(delivery, ACK, this.#asked === 0);
  }

  /** Asks for the confirmation in any case: a nak that is sent again would hand back what has come again meanwhile. */
  nak(delivery: NatsDelivery, delayMs: number): void {
    this.#send(delivery, nakVerb(delayMs), true);
  }

  /** Resolves when all are confirmed or given up. */
  empty(): Promise<void> {
    if (this.#replies.length === 0) return Promise.resolve();
    if (this.#asked === 0) this.#askForLast();
    return new Promise((resolve) => this.#emptied.push(resolve));
  }

  sweep(): void {
    this.#beat++;
    if (!this.#link.connected || this.#replies.length === 0) return;
    if (this.#asked === 0) return this.#askForLast();
    if (this.#due > this.#beat) return;
    if (++this.#tries < MOST_TRIES) return this.#sendAll();
    this.#log.warning("NATS does not confirm that deliveries are settled; they may come again", {
      deliveries: this.#replies.length,
    });
    this.#drop(this.#replies.length);
  }

  restored(): void {
    this.lost();
    this.#subscribe();
    this.#tries = 0;
    this.#sendAll();
  }

  lost(): void {
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
  }

  close(): void {
    this.lost();
    this.#drop(this.#replies.length);
  }

  #send(delivery: NatsDelivery, verb: string, confirm: boolean): void {
    const index = this.#replies.push(delivery.reply) - 1;
    this.#verbs.push(verb);
    this.#publish(index, confirm);
  }

  #sendAll(): void {
    const last = this.#replies.length - 1;
    for (let index = 0; index <= last; index++) this.#publish(index, index === last);
  }

  /** Acking twice does no harm, and a confirmation of the last is one of all. */
  #askForLast(): void {
    this.#publish(this.#replies.length - 1, true);
  }

  #publish(index: number, confirm: boolean): void {
    const token = this.#first + index;
    if (confirm) {
      this.#asked = token;
      this.#due = this.#beat + PATIENCE_BEATS;
    }
    if (!this.#link.connected) return;
    const confirmation = confirm ? this.#inbox + token : "";
    this.#link.outbox.text(this.#replies[index]!, this.#verbs[index]!, confirmation);
  }

  #subscribe(): void {
    this.#subscription = this.#link.inlet.subscribe(`${this.#inbox}*`, {
      message: (message) => this.#confirmed(message),
      failed: () => {},
    });
  }

  #confirmed(message: NatsMessage): void {
    // Nobody there: the consumer is gone, or the server is still starting. The sweep finds out which.
    if (message.status?.code === 503) return;
    const { token } = message;
    this.#tries = 0;
    this.#drop(token - this.#first + 1);
    if (this.#emptied.length > 0 && this.#asked === 0) this.#askForLast();
  }

  /** Takes the first of the list as done. */
  #drop(count: number): void {
    if (count > 0) {
      this.#replies.splice(0, count);
      this.#verbs.splice(0, count);
      this.#first += count;
    }
    if (this.#asked < this.#first) this.#asked = 0;
    if (this.#replies.length > 0) return;
    const waiting = this.#emptied;
    this.#emptied = [];
    for (const resolve of waiting) resolve();
  }
}

function nakVerb(delayMs: number): string {
  if (delayMs <= 0) return NAK;
  return `-NAK {"delay":${Math.round(delayMs * NANOS_PER_MS)}}`;
}
