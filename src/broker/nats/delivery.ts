import type { Delivery } from "../broker.ts";
import type { KnownHeaders } from "./wire/known_headers.ts";
import type { NatsMessage } from "./wire/message.ts";

/** A delivery as JetStream makes it: everything about it stands in the reply subject. */
export class NatsDelivery implements Delivery {
  readonly #message: NatsMessage;
  readonly #known: KnownHeaders;
  /** Without the id; undefined until somebody asks. */
  #values?: ReadonlyMap<string, string> | undefined;
  #text?: string;
  /** Where its settlings go. */
  readonly reply: string;
  readonly body: Uint8Array;
  readonly sequence: number;
  readonly timestamp: string;
  readonly attempt: number;
  readonly receivedAt: number;
  settled = false;

  /**
   * @param message Its reply subject is `$JS.ACK.<stream>.<consumer>.<attempt>.<sequence>.<consumer sequence>.<timestamp>.<pending>`, or with
   * `<domain>.<account>` before the stream and one token more at the end.
   * @param from Where the attempt begins in it.
   * @param seen The headers of the messages before, and when it came.
   */
  constructor(message: NatsMessage, from: number, seen: { known: KnownHeaders; now: number }) {
    const { reply } = message;
    this.#message = message;
    this.#known = seen.known;
    this.receivedAt = seen.now;
    this.reply = reply;
    this.body = message.body;
    const sequenceAt = reply.indexOf(".", from) + 1;
    const consumerAt = reply.indexOf(".", sequenceAt) + 1;
    const timeAt = reply.indexOf(".", consumerAt) + 1;
    this.attempt = +reply.slice(from, sequenceAt - 1);
    this.sequence = +reply.slice(sequenceAt, consumerAt - 1);
    this.timestamp = reply.slice(timeAt, reply.indexOf(".", timeAt));
  }

  get subject(): string {
    return this.#message.subject;
  }

  get id(): string {
    return findHeader(this.#all(), "Nats-Msg-Id") ?? "";
  }

  header(name: string): string | undefined {
    if (this.#text === undefined && name !== "Nats-Msg-Id") {
      const values = this.#values ??= this.#find();
      if (values !== undefined) return values.get(name);
    }
    return findHeader(this.#all(), name);
  }

  #find(): ReadonlyMap<string, string> | undefined {
    const { bytes, headersAt, bodyAt } = this.#message;
    const place = { bytes, from: headersAt, to: bodyAt };
    const values = this.#known.of(place);
    if (values === undefined) this.#known.learn(place, this.#all());
    return values;
  }

  /** As they came. */
  #all(): string {
    return this.#text ??= this.#message.headers;
  }

  headerBlock(): Uint8Array {
    return this.#message.headerBlock;
  }

  headers(): Record<string, string> {
    const found = new Map<string, string>();
    const lines = this.#all().split("\r\n");
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(":");
      if (colon < 0) continue;
      const name = line.slice(0, colon);
      // Of several of one name header() finds the first.
      if (!found.has(name)) found.set(name, line.slice(colon + 1).trim());
    }
    // Assigned, a header of the name `__proto__` would be lost.
    return Object.fromEntries(found);
  }
}

/** The value of a header in the text of all. */
export function findHeader(text: string, name: string): string | undefined {
  const start = text.indexOf(`\r\n${name}:`);
  if (start < 0) return undefined;
  const value = start + name.length + 3;
  return text.slice(value, text.indexOf("\r\n", value)).trim();
}

/** Index of the token with this number, counted from 0; -1 if there are fewer. */
export function tokenStart(subject: string, number: number): number {
  let at = 0;
  for (let i = 0; i < number; i++) {
    at = subject.indexOf(".", at) + 1;
    if (at === 0) return -1;
  }
  return at;
}

/** Where the attempt begins in a reply subject; -1 if it is none of a delivery. */
export function attemptStart(reply: string): number {
  if (!reply.startsWith("$JS.ACK.")) return -1;
  // Nine tokens in the plain form; eleven or more with domain and account.
  return tokenStart(reply, 9) === -1 ? tokenStart(reply, 4) : tokenStart(reply, 6);
}
