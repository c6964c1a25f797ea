import type { NatsDelivery } from "./nats_delivery.ts";
import type { Msg, PublishSettings, Subscription } from "./nats_client.ts";
import type { NatsLink } from "./nats_link.ts";
import type { Logger } from "../log.ts";

interface Settlement {
  readonly reply: string;
  readonly verb: Uint8Array;
  /** Beat at which it is sent again. */
  due: number;
  tries: number;
}

const PATIENCE_BEATS = 4;
const MOST_TRIES = 6;

/**
 * Sends acks and naks, and sends them again until the server confirmed them. One wildcard inbox takes all confirmations; nobody
 * waits for one on the way.
 */
export class NatsSettlements {
  readonly #link: NatsLink;
  readonly #log: Logger;
  readonly #open = new Map<number, Settlement>();
  readonly #inbox = `_INBOX.${crypto.randomUUID()}.`;
  readonly #options: PublishSettings = { reply: "" };
  #subscription?: Subscription;
  #beat = 0;
  #token = 0;
  #emptied: (() => void)[] = [];

  constructor(link: NatsLink, log: Logger) {
    this.#link = link;
    this.#log = log;
    if (link.connected) this.#subscribe();
  }

  get size(): number {
    return this.#open.size;
  }

  send(delivery: NatsDelivery, verb: Uint8Array): void {
    const token = ++this.#token;
    const settlement = { reply: delivery.reply, verb, due: 0, tries: 0 };
    this.#open.set(token, settlement);
    this.#publish(token, settlement);
  }

  /** Resolves when all are confirmed or given up. */
  empty(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#emptied.push(resolve));
  }

  sweep(): void {
    this.#beat++;
    if (!this.#link.connected) return;
    for (const [token, settlement] of this.#open) {
      if (settlement.due > this.#beat) continue;
      if (settlement.tries < MOST_TRIES) this.#publish(token, settlement);
      else {
        this.#log.warning("NATS does not confirm that a delivery is settled; it may come again", {
          reply: settlement.reply,
        });
        this.#done(token);
      }
    }
  }

  restored(): void {
    this.lost();
    this.#subscribe();
    for (const [token, settlement] of this.#open) {
      settlement.tries = 0;
      this.#publish(token, settlement);
    }
  }

  lost(): void {
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
  }

  close(): void {
    this.lost();
    this.#open.clear();
    this.#notify();
  }

  #publish(token: number, settlement: Settlement): void {
    settlement.tries++;
    settlement.due = this.#beat + PATIENCE_BEATS;
    if (!this.#link.connected) return;
    this.#options.reply = this.#inbox + token;
    try {
      this.#link.nc.publish(settlement.reply, settlement.verb, this.#options);
    } catch {
      // The connection has just gone; restored() sends it again.
    }
  }

  #subscribe(): void {
    this.#subscription = this.#link.nc.subscribe(`${this.#inbox}*`, {
      callback: (error, msg) => {
        if (error === null) this.#confirmed(msg);
      },
    });
  }

  #confirmed(msg: Msg): void {
    // Nobody there: the consumer is gone, or the server is still starting. The sweep finds out which.
    if (msg.headers?.code === 503) return;
    this.#done(+msg.subject.slice(this.#inbox.length));
  }

  #done(token: number): void {
    this.#open.delete(token);
    if (this.#open.size === 0) this.#notify();
  }

  #notify(): void {
    const waiting = this.#emptied;
    this.#emptied = [];
    for (const resolve of waiting) resolve();
  }
}
