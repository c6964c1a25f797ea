import { BrokerError, type OutMessage, type Publisher, type Receipt } from "../broker.ts";
import { HeaderWriter } from "./wire/headers.ts";
import { newInbox } from "./wire/inbox.ts";
import type { NatsSubscription } from "./wire/inlet.ts";
import type { NatsLink } from "./wire/link.ts";
import { NatsRoute, type PendingMessage } from "./route.ts";
import { readPubAck, sequenceIn } from "./pub_ack.ts";
import type { NatsMessage } from "./wire/message.ts";
import type { HeaderText } from "./wire/outbox.ts";
import { reasonOf, RejectedError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";

export interface NatsPublisherOptions {
  readonly log: Logger;
  /** Messages outstanding after which `ready()` waits. */
  readonly limit: number;
  /** Without an answer for so long a message is sent again, ms. @default 5000 */
  readonly answerMs?: number;
  /** Called once when the publisher was closed. */
  readonly closed: () => void;
}

/** One beat of the sweep, in which all times here are counted: no clock is read per message. */
const BEAT_MS = 100;
const LONGEST_BACKOFF = 2_000 / BEAT_MS;
const ROUTES_KEPT = 1_024;

/**
 * Publishes with one wildcard inbox for all confirmations: a publication costs an object in a map, no promise, timer or
 * subscription.
 */
export class NatsPublisher implements Publisher {
  readonly #link: NatsLink;
  readonly #log: Logger;
  readonly #options: NatsPublisherOptions;
  readonly #answerBeats: number;
  readonly #headers = new HeaderWriter();
  /** In the order given; a message keeps its place while it is tried again. */
  readonly #pending = new Map<number, PendingMessage>();
  readonly #routes = new Map<string, NatsRoute>();
  readonly #readers: { at: () => boolean; done: () => void }[] = [];
  readonly #inbox = newInbox();
  readonly #unlisten: () => void;
  #subscription?: NatsSubscription;
  #timer?: ReturnType<typeof setInterval>;
  #beat = 0;
  #token = 0;
  #closed = false;
  #complained = -Infinity;

  constructor(link: NatsLink, options: NatsPublisherOptions) {
    this.#link = link;
    this.#log = options.log;
    this.#options = options;
    this.#answerBeats = Math.ceil((options.answerMs ?? 5_000) / BEAT_MS);
    this.#unlisten = link.listen({
      lost: () => this.#unsubscribe(),
      restored: () => this.#restored(),
      denied: (subject) => this.#denied(subject),
    });
    if (link.connected) this.#subscribe();
  }

  get outstanding(): number {
    return this.#pending.size;
  }

  publish(message: OutMessage, receipt: Receipt): void {
    if (this.#closed) return receipt.failed(closedError(message.subject));
    let route: NatsRoute;
    let header: HeaderText;
    try {
      route = this.#routes.get(message.subject) ?? this.#newRoute(message.subject);
      header = this.#headers.write(message.id, message.headers);
    } catch (error) {
      return receipt.failed(error as Error);
    }
    const pending: PendingMessage = {
      token: ++this.#token,
      message,
      receipt,
      header,
      route,
      tries: 0,
      due: 0,
      waiting: false,
    };
    this.#pending.set(pending.token, pending);
    this.#timer ??= setInterval(() => this.#sweep(), BEAT_MS);
    if (route.full) route.wait(pending);
    else this.#send(pending);
  }

  ready(signal?: AbortSignal, limit = Infinity): Promise<void> {
    const below = Math.min(limit, this.#options.limit);
    return this.#until(() => this.#pending.size < below, signal);
  }

  flush(signal?: AbortSignal): Promise<void> {
    const last = this.#token;
    return this.#until(() => {
      for (const oldest of this.#pending.keys()) return oldest > last;
      return true;
    }, signal);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unlisten();
    this.#unsubscribe();
    clearInterval(this.#timer);
    for (const pending of [...this.#pending.values()]) {
      this.#settle(pending);
      pending.receipt.failed(closedError(pending.message.subject));
    }
    this.#notify();
    this.#options.closed();
  }

  #send(pending: PendingMessage): void {
    pending.tries++;
    pending.due = this.#beat + this.#answerBeats;
    const { message: { subject, body }, header } = pending;
    const size = header.bytes + body.length;
    if (size > this.#link.maxPayload) {
      return this.#fail(pending, tooLarge(subject, size, this.#link.maxPayload));
    }
    if (!this.#link.connected) return; // sent by #restored()
    const reply = this.#inbox + pending.token;
    this.#link.outbox.message({ subject, reply, header, body });
  }

  #answer(message: NatsMessage): void {
    const pending = this.#pending.get(message.token);
    if (pending === undefined) return; // answered before: this is the answer to an earlier try
    const ack = readPubAck(message);
    if (ack.stored) {
      this.#settle(pending);
      pending.receipt.placed?.(sequenceIn(message));
      pending.receipt.stored(ack.duplicate);
      const { route } = pending;
      // Room again: two for each that got through, so that the way opens as fast as the stream takes them.
      if (route.full) { for (const next of route.released(2)) this.#send(next); }
      if (this.#readers.length > 0) this.#notify();
    } else if (ack.permanent) {
      const reason = this.#link.said(ack.reason);
      this.#fail(
        pending,
        new BrokerError(`Cannot publish to "${pending.message.subject}": ${reason}`),
      );
    } else if (ack.full) {
      if (!pending.waiting) pending.route.refused(pending, this.#beat);
      this.#complain(pending, ack.reason);
    } else {
      pending.due = this.#beat + backoff(pending.tries);
      this.#complain(pending, ack.reason);
    }
  }

  #sweep(): void {
    this.#beat++;
    if (this.#pending.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (!this.#link.connected) return;
    for (const pending of this.#pending.values()) {
      if (pending.waiting || pending.due > this.#beat) continue;
      if (pending.tries > 0) this.#complain(pending, "no answer");
      this.#send(pending);
    }
    for (const route of this.#routes.values()) {
      if (!route.full) continue;
      for (const next of route.probes(this.#beat)) this.#send(next);
    }
  }

  #settle(pending: PendingMessage): void {
    this.#pending.delete(pending.token);
    if (pending.waiting) pending.route.forget(pending);
  }

  #fail(pending: PendingMessage, error: Error): void {
    this.#settle(pending);
    pending.receipt.failed(error);
    if (this.#readers.length > 0) this.#notify();
  }

  #denied(subject: string): void {
    for (const pending of [...this.#pending.values()]) {
      if (pending.message.subject !== subject) continue;
      this.#fail(
        pending,
        new BrokerError(
          `Cannot publish to "${subject}": the NATS server denies it; give the user permission to publish there`,
        ),
      );
    }
  }

  #restored(): void {
    this.#unsubscribe();
    this.#subscribe();
    for (const pending of this.#pending.values()) if (!pending.waiting) this.#send(pending);
  }

  #subscribe(): void {
    this.#subscription = this.#link.inlet.subscribe(`${this.#inbox}*`, {
      message: (message) => this.#answer(message),
      failed: (error) =>
        this.#log.error("cannot receive confirmations from NATS", { error: reasonOf(error) }),
    });
  }

  #unsubscribe(): void {
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
  }

  #newRoute(subject: string): NatsRoute {
    if (!/^[!-~]+$/.test(subject) || /(^|\.)([*>]?)(\.|$)/.test(subject)) {
      throw new RangeError(
        `Cannot publish to ${
          JSON.stringify(subject)
        }: not a subject; tokens of visible ASCII joined by dots are`,
      );
    }
    if (this.#routes.size >= ROUTES_KEPT) {
      for (const [name, route] of this.#routes) if (!route.full) this.#routes.delete(name);
    }
    const route = new NatsRoute();
    this.#routes.set(subject, route);
    return route;
  }

  #complain(pending: PendingMessage, reason: string): void {
    if (this.#beat - this.#complained < 10_000 / BEAT_MS) return;
    this.#complained = this.#beat;
    this.#log.warning("NATS does not take messages; trying again", {
      subject: pending.message.subject,
      reason: this.#link.said(reason),
      outstanding: this.#pending.size,
    });
  }

  #until(at: () => boolean, signal?: AbortSignal): Promise<void> {
    if (at() || this.#closed || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const reader = {
        at,
        done: () => {
          signal?.removeEventListener("abort", aborted);
          resolve();
        },
      };
      const aborted = () => {
        this.#readers.splice(this.#readers.indexOf(reader), 1);
        resolve();
      };
      signal?.addEventListener("abort", aborted, { once: true });
      this.#readers.push(reader);
    });
  }

  #notify(): void {
    for (let i = this.#readers.length - 1; i >= 0; i--) {
      const reader = this.#readers[i]!;
      if (!reader.at() && !this.#closed) continue;
      this.#readers.splice(i, 1);
      reader.done();
    }
  }
}

function backoff(tries: number): number {
  return Math.min(2 ** (tries - 1), LONGEST_BACKOFF);
}

function tooLarge(subject: string, size: number, limit: number): RejectedError {
  return new RejectedError(
    `Cannot publish to "${subject}": ${size} bytes with headers are more than the ${limit} the NATS server takes; raise its max_payload or make the record smaller`,
  );
}

function closedError(subject: string): BrokerError {
  return new BrokerError(`Cannot publish to "${subject}": the publisher is closed`);
}
