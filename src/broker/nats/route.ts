import type { OutMessage, Receipt } from "../broker.ts";
import type { HeaderText } from "./wire/outbox.ts";

/** A message handed over and not answered. */
export interface PendingMessage {
  readonly token: number;
  readonly message: OutMessage;
  readonly receipt: Receipt;
  readonly header: HeaderText;
  readonly route: NatsRoute;
  tries: number;
  /** Beat of the publisher's sweep at which it is sent again. */
  due: number;
  /** Held back by its route until the stream has room. */
  waiting: boolean;
}

const LONGEST_PROBE = 10;

/**
 * The way to one subject. When its stream is full the messages wait here, in order, and only single ones are sent to see whether
 * there is room again; otherwise a full stream would be sent everything outstanding again and again.
 */
export class NatsRoute {
  #waiting: PendingMessage[] = [];
  #sorted = true;
  #full = false;
  #interval = 1;
  #next = 0;

  /** Whether new messages have to wait. */
  get full(): boolean {
    return this.#full;
  }

  wait(pending: PendingMessage): void {
    pending.waiting = true;
    const last = this.#waiting.at(-1);
    if (last !== undefined && last.token > pending.token) this.#sorted = false;
    this.#waiting.push(pending);
  }

  /** The stream had no room for this message. */
  refused(pending: PendingMessage, beat: number): void {
    this.#full = true;
    this.wait(pending);
    this.#next = Math.max(this.#next, beat + this.#interval);
  }

  /** A message got through: what to send next. */
  released(count: number): PendingMessage[] {
    this.#interval = 1;
    return this.#take(count);
  }

  /** What to send at this beat to find out whether there is room. */
  probes(beat: number): PendingMessage[] {
    if (beat < this.#next) return [];
    this.#next = beat + this.#interval;
    this.#interval = Math.min(this.#interval * 2, LONGEST_PROBE);
    return this.#take(1);
  }

  forget(pending: PendingMessage): void {
    pending.waiting = false;
    this.#waiting.splice(this.#waiting.indexOf(pending), 1);
    if (this.#waiting.length === 0) this.#full = false;
  }

  #take(count: number): PendingMessage[] {
    if (!this.#sorted) this.#waiting.sort((a, b) => a.token - b.token);
    this.#sorted = true;
    const taken = this.#waiting.splice(0, count);
    for (const pending of taken) pending.waiting = false;
    if (this.#waiting.length === 0) this.#full = false;
    return taken;
  }
}
