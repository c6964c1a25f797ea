import type { Consumer, Delivery, QueueState } from "../broker.ts";
import { KnownHeaders } from "./wire/known_headers.ts";
import { attemptStart, findHeader, NatsDelivery } from "./delivery.ts";
import { newInbox } from "./wire/inbox.ts";
import { followLeaders } from "./wire/leaders.ts";
import type { NatsSubscription } from "./wire/inlet.ts";
import type { NatsLink } from "./wire/link.ts";
import type { NatsMessage } from "./wire/message.ts";
import { NatsPulls, PULL_EXPIRES_MS, PULL_HEARTBEAT_MS } from "./pulls.ts";
import { NatsSettlements } from "./settlements.ts";
import type { Logger } from "../../base/log.ts";
import { pause, waitAtMost } from "../../base/time/waiting.ts";
import { reasonOf } from "../../base/errors.ts";

export interface NatsConsumerOptions {
  readonly stream: string;
  readonly group: string;
  /** Slots to begin with. @default 1 */
  readonly slots?: number;
  readonly log: Logger;
  /** Makes stream and consumer again after somebody removed them. */
  readonly restore: () => Promise<void>;
  readonly state: () => Promise<QueueState>;
  readonly oldestAgeMs: () => Promise<number>;
  readonly tidy: () => Promise<{ old: number; young: number }>;
  /** Called once when the consumer was closed. */
  readonly closed: () => void;
}

const BEAT_MS = 500;
const LONGEST_BACKOFF = 10;
const FIRST_SLOTS = 1;
/**
 * A server counts a message as delivered before it sends it, and throws it away where the subscription has ended by then: it comes again after the ack wait only, with
 * one attempt less. So what was asked for may come until nothing has come for so long, and no longer than the second.
 */
const QUIET_MS = 20;
const LONGEST_QUIET_MS = 500;
/** A connection that has just gone does not say that the subscription has ended. */
const DRAIN_MS = 2_000;

/** A new leader says that it leads a moment before it listens. */
const LEADER_BEATS = 2;

const WORKING = "+WPI";
const NANOS_PER_MS = 1_000_000;

/**
 * Pulls as many deliveries as there are free slots. Requests stay open at the server, so nothing is asked again and again while
 * nothing comes, and every request lost with a connection is replaced by one over a new inbox: the server drops what was asked over
 * the old one.
 */
export class NatsConsumer implements Consumer {
  readonly #link: NatsLink;
  readonly #options: NatsConsumerOptions;
  readonly #log: Logger;
  readonly #pulls = new NatsPulls();
  readonly #settlements: NatsSettlements;
  readonly #askSubject: string;
  readonly #plainReply: string;
  readonly #unlisten: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #inbox = "";
  #askedAt = 0;
  #subscription?: NatsSubscription;
  #unfollow: () => void = () => {};
  #slots: number;
  #unsettled = 0;
  #ready: NatsDelivery[] = [];
  /** What the deliveries of a frame have in common: when it came, and headers of the messages before. */
  readonly #seen = { known: new KnownHeaders(), now: 0 };
  #inFrame = false;
  #reader?: (deliveries: Delivery[]) => void;
  #woken = false;
  #stopped = false;
  /** Whether nothing more will come. */
  #ended = false;
  #draining: Promise<void> = Promise.resolve();
  #closing?: Promise<void>;
  #restoring = false;
  /** Beats to wait before the next request, and how many the last wait was. */
  #hold = 0;
  #held = 0;
  #beatAt = performance.now();

  constructor(link: NatsLink, options: NatsConsumerOptions) {
    const { stream, group } = options;
    this.#link = link;
    this.#options = options;
    this.#slots = options.slots ?? FIRST_SLOTS;
    this.#log = options.log.with({ stream, group });
    this.#settlements = new NatsSettlements(link, this.#log);
    this.#askSubject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${group}`;
    this.#plainReply = `$JS.ACK.${stream}.${group}.`;
    this.#unlisten = link.listen({ lost: () => this.#lost(), restored: () => this.#restored() });
    this.#timer = setInterval(() => this.#sweep(), BEAT_MS);
    if (link.connected) this.#open();
  }

  get slots(): number {
    return this.#slots;
  }

  set slots(slots: number) {
    if (!Number.isInteger(slots) || slots < 0) {
      throw new RangeError(`Cannot set slots to ${slots}: give a whole number`);
    }
    this.#slots = slots;
    this.#ask();
  }

  next(): Promise<Delivery[]> {
    if (this.#reader !== undefined) {
      return Promise.reject(
        new Error("Cannot wait for deliveries twice: one reader at a time is allowed"),
      );
    }
    if (this.#ready.length > 0 || this.#ended) return Promise.resolve(this.#takeReady());
    if (this.#woken) {
      this.#woken = false;
      return Promise.resolve([]);
    }
    return new Promise((resolve) => {
      this.#reader = resolve;
      this.#ask();
    });
  }

  wake(): void {
    if (this.#reader === undefined) this.#woken = true;
    else this.#answer([]);
  }

  ack(delivery: Delivery): void {
    if (!this.#settle(delivery)) return;
    this.#settlements.ack(delivery as NatsDelivery);
    this.#ask();
  }

  nak(delivery: Delivery, delayMs = 0): void {
    if (!this.#settle(delivery)) return;
    this.#settlements.nak(delivery as NatsDelivery, delayMs);
    this.#ask();
  }

  working(delivery: Delivery): void {
    const { settled, reply } = delivery as NatsDelivery;
    if (!settled && this.#link.connected) this.#link.outbox.text(reply, WORKING);
  }

  workingAhead(): void {
    for (const delivery of this.#ready) this.working(delivery);
  }

  forget(delivery: Delivery): void {
    if (this.#settle(delivery)) this.#ask();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#draining = this.#drain();
  }

  close(timeoutMs = 5_000): Promise<void> {
    return this.#closing ??= this.#close(timeoutMs);
  }

  state(): Promise<QueueState> {
    return this.#options.state();
  }

  oldestAgeMs(): Promise<number> {
    return this.#options.oldestAgeMs();
  }

  tidy(): Promise<{ old: number; young: number }> {
    return this.#options.tidy();
  }

  async #close(timeoutMs: number): Promise<void> {
    this.stop();
    if (!this.#link.closed) {
      const confirmed = this.#draining.then(() => {
        for (const delivery of this.#takeReady()) this.nak(delivery);
        return this.#settlements.empty();
      });
      await waitAtMost(confirmed, timeoutMs);
    }
    clearInterval(this.#timer);
    this.#unlisten();
    this.#unfollow();
    this.#subscription?.unsubscribe();
    this.#settlements.close();
    this.#options.closed();
  }

  /** Takes in what the server sends until it has seen the end of the subscription. */
  async #drain(): Promise<void> {
    await this.#quiet();
    const drained = this.#subscription?.drain().catch(() => {});
    if (drained !== undefined) await waitAtMost(drained, DRAIN_MS);
    this.#ended = true;
    if (this.#reader !== undefined) this.#answer(this.#takeReady());
  }

  async #quiet(): Promise<void> {
    const until = performance.now() + LONGEST_QUIET_MS;
    while (this.#pulls.asked > 0) {
      const now = performance.now();
      const leftMs = Math.max(this.#seen.now, this.#askedAt) + QUIET_MS - now;
      if (leftMs <= 0 || now > until) return;
      await pause(leftMs);
    }
  }

  #takeReady(): NatsDelivery[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  #settle(delivery: Delivery): boolean {
    const own = delivery as NatsDelivery;
    if (own.settled) return false;
    own.settled = true;
    this.#unsettled--;
    return true;
  }

  #receive(message: NatsMessage): void {
    const { reply } = message;
    const from = reply.startsWith(this.#plainReply) ? this.#plainReply.length : attemptStart(reply);
    if (from < 0) return this.#status(message);
    this.#pulls.delivered();
    if (!this.#inFrame) this.#beginFrame();
    const delivery = new NatsDelivery(message, from, this.#seen);
    this.#unsettled++;
    this.#held = 0;
    if (this.#ended) return this.nak(delivery);
    this.#ready.push(delivery);
  }

  /** The reader runs after the frame these deliveries came in was read, and takes them all. */
  #beginFrame(): void {
    this.#inFrame = true;
    this.#seen.now = performance.now();
    queueMicrotask(() => {
      this.#inFrame = false;
      this.#hand();
    });
  }

  #hand(): void {
    if (this.#reader === undefined || this.#ready.length === 0) return;
    this.#answer(this.#takeReady());
  }

  #answer(deliveries: Delivery[]): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.(deliveries);
  }

  #status(message: NatsMessage): void {
    this.#pulls.heard();
    const { code, description: text = "" } = message.status ?? {};
    if (code === 100) return;
    const left = findHeader(message.headers, "Nats-Pending-Messages");
    this.#pulls.ended(message.token, left ? +left : undefined);
    const description = this.#link.said(text);
    if (code === 404 || code === 408) return this.#ask();
    if (code === 409 && !/deleted|push based/i.test(description)) {
      // Another leader, the server going down, or a limit: the next request finds out.
      this.#log.debug("request for messages ended", { reason: description });
      return this.#backOff();
    }
    this.#log.warning("consumer is gone from the server; making it again", {
      reason: `${code ?? ""} ${description}`.trim(),
    });
    this.#backOff();
    void this.#restoreConsumer();
  }

  #backOff(): void {
    this.#held = Math.min(Math.max(1, this.#held * 2), LONGEST_BACKOFF);
    this.#hold = this.#held;
  }

  async #restoreConsumer(): Promise<void> {
    if (this.#restoring || this.#stopped) return;
    this.#restoring = true;
    try {
      await this.#options.restore();
    } catch (error) {
      this.#log.error("cannot make the consumer again; trying on", { error: reasonOf(error) });
      this.#backOff();
    } finally {
      this.#restoring = false;
    }
  }

  #ask(): void {
    if (this.#stopped || this.#hold > 0 || !this.#link.connected || this.#restoring) return;
    const { asked } = this.#pulls;
    const free = this.#slots - this.#unsettled - asked;
    const starving = asked === 0 && this.#reader !== undefined;
    if (free < 1 || (free < this.#slots / 2 && !starving)) return;
    const token = this.#pulls.ask(free);
    this.#askedAt = performance.now();
    const request = `{"batch":${free},"expires":${
      PULL_EXPIRES_MS * NANOS_PER_MS
    },"idle_heartbeat":${PULL_HEARTBEAT_MS * NANOS_PER_MS}}`;
    this.#link.outbox.text(this.#askSubject, request, this.#inbox + token);
  }

  #sweep(): void {
    const now = performance.now();
    // After this process stood still the answers of that time are still to be read.
    const late = now - this.#beatAt > 3 * BEAT_MS;
    this.#beatAt = now;
    this.#settlements.sweep();
    if (this.#stopped || !this.#link.connected) return;
    if (this.#hold > 0) this.#hold--;
    if (!late && this.#pulls.silent()) {
      this.#log.warning("no sign of life from the consumer; asking anew");
      this.#lost();
      this.#open();
    }
    this.#ask();
  }

  #open(): void {
    this.#inbox = newInbox();
    this.#subscription = this.#link.inlet.subscribe(`${this.#inbox}*`, {
      message: (message) => this.#receive(message),
      failed: (error) => this.#log.error("cannot receive from NATS", { error: reasonOf(error) }),
    });
    this.#unfollow = followLeaders(this.#link.nc, {
      ...this.#options,
      changed: () => this.#changeLeader(),
    });
    this.#ask();
  }

  /** What the one before has sent may still come. */
  #changeLeader(): void {
    if (this.#stopped) return;
    this.#log.debug("consumer has another leader; asking anew");
    this.#pulls.reset();
    this.#hold = Math.max(this.#hold, LEADER_BEATS);
  }

  #lost(): void {
    this.#unfollow();
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
    this.#pulls.reset();
  }

  #restored(): void {
    this.#settlements.restored();
    this.#lost();
    this.#hold = 0;
    if (!this.#stopped) this.#open();
  }
}
