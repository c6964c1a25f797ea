import type { Delivery } from "./broker.ts";
import { headerText, type Msg } from "./nats_client.ts";

/** A delivery as JetStream makes it: everything about it stands in the reply subject. */
export class NatsDelivery implements Delivery {
  readonly #msg: Msg;
  #headers?: string;
  /** Where its settlings go. */
  readonly reply: string;
  readonly body: Uint8Array;
  readonly sequence: number;
  readonly timestamp: string;
  readonly attempt: number;
  readonly receivedAt = performance.now();
  settled = false;

  /**
   * @param reply `$JS.ACK.<stream>.<consumer>.<attempt>.<sequence>.<consumer sequence>.<timestamp>.<pending>`, or with
   * `<domain>.<account>` before the stream and one token more at the end.
   * @param from Where the attempt begins in it.
   */
  constructor(msg: Msg, reply: string, from: number) {
    this.#msg = msg;
    this.reply = reply;
    this.body = msg.data;
    const sequenceAt = reply.indexOf(".", from) + 1;
    const consumerAt = reply.indexOf(".", sequenceAt) + 1;
    const timeAt = reply.indexOf(".", consumerAt) + 1;
    this.attempt = +reply.slice(from, sequenceAt - 1);
    this.sequence = +reply.slice(sequenceAt, consumerAt - 1);
    this.timestamp = reply.slice(timeAt, reply.indexOf(".", timeAt));
  }

  get subject(): string {
    return this.#msg.subject;
  }

  get id(): string {
    return this.header("Nats-Msg-Id") ?? "";
  }

  header(name: string): string | undefined {
    return findHeader(this.#headers ??= headerText(this.#msg), name);
  }

  headers(): Record<string, string> {
    const found: Record<string, string> = {};
    const lines = (this.#headers ??= headerText(this.#msg)).split("\r\n");
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(":");
      if (colon < 0) continue;
      const name = line.slice(0, colon);
      // Of several of one name header() finds the first.
      if (!Object.hasOwn(found, name)) found[name] = line.slice(colon + 1).trim();
    }
    return found;
  }
}

function findHeader(text: string, name: string): string | undefined {
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
