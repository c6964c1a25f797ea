import { joinChunks } from "../../../base/data/body_chunks.ts";
import type { NatsConnection } from "./client.ts";

const ENCODER = new TextEncoder();
/** What is gathered is handed on at this size at the latest, bytes. */
const FULL = 32 * 1024;

/** Where the client takes what it sends; its own `publish` ends here too. */
interface Outlet {
  sendCommand(command: Uint8Array): void;
  flushPending(): void;
}

/** Headers as NATS has them on the wire, with how many bytes that are. */
export interface HeaderText {
  readonly text: string;
  readonly bytes: number;
}

/**
 * Sends messages over a connection. What comes within a turn of the event loop goes to the client as one piece of bytes, encoded at once: the client's `publish` makes four pieces
 * of each message and joins them again, which costs several times as much. Whoever calls it looks at the size before; on a connection that has ended it does nothing.
 */
export class NatsOutbox {
  readonly #outlet: Outlet;
  /** Texts that stand before each body, and the bodies. */
  #heads: string[] = [];
  #bodies: Uint8Array[] = [];
  #bodyBytes = 0;
  /** Behind the last body. */
  #text = "";
  /** About how many bytes there are. */
  #size = 0;

  constructor(nc: NatsConnection) {
    this.#outlet = (nc as unknown as { protocol: Outlet }).protocol;
  }

  /** A message with headers. */
  message(
    { subject, reply, header: { text, bytes }, body }: {
      readonly subject: string;
      readonly reply: string;
      readonly header: HeaderText;
      readonly body: Uint8Array;
    },
  ): void {
    const line = `HPUB ${subject} ${reply} ${bytes} ${bytes + body.length}\r\n`;
    if (this.#size === 0) this.#flushSoon();
    this.#heads.push(this.#text + line + text);
    this.#bodies.push(body);
    this.#bodyBytes += body.length;
    this.#text = "\r\n";
    this.#size += line.length + bytes + body.length + 2;
    if (this.#size >= FULL) this.#flush();
  }

  /** A short text in ASCII without headers. */
  text(subject: string, text: string, reply = ""): void {
    const to = reply === "" ? subject : `${subject} ${reply}`;
    const line = `PUB ${to} ${text.length}\r\n${text}\r\n`;
    if (this.#size === 0) this.#flushSoon();
    this.#text += line;
    this.#size += line.length;
    if (this.#size >= FULL) this.#flush();
  }

  #flushSoon(): void {
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    if (this.#size === 0) return;
    const heads = this.#heads;
    const bodies = this.#bodies;
    const all = heads.join("") + this.#text;
    // The texts go to the end and are moved to their places from there: views of each of them would cost more than all the rest.
    const bytes = new Uint8Array(this.#bodyBytes + all.length);
    const shift = this.#bodyBytes;
    const { read, written } = ENCODER.encodeInto(all, bytes.subarray(shift));
    const isAscii = read === all.length && written === read;
    const ready = isAscii
      ? spread(bytes, { shift, heads, bodies })
      : joined(heads, bodies, this.#text);
    this.#heads = [];
    this.#bodies = [];
    this.#bodyBytes = 0;
    this.#text = "";
    this.#size = 0;
    this.#outlet.sendCommand(ready);
    this.#outlet.flushPending();
  }
}

/** Puts each body behind its text, where all texts are there one after another from `shift` on. */
function spread(
  bytes: Uint8Array,
  { shift, heads, bodies }: {
    shift: number;
    heads: readonly string[];
    bodies: readonly Uint8Array[];
  },
): Uint8Array {
  let from = shift;
  let at = 0;
  for (let i = 0; i < bodies.length; i++) {
    const { length } = heads[i]!;
    bytes.copyWithin(at, from, from + length);
    from += length;
    at += length;
    bytes.set(bodies[i]!, at);
    at += bodies[i]!.length;
  }
  return bytes;
}

function joined(heads: readonly string[], bodies: readonly Uint8Array[], tail: string): Uint8Array {
  const pieces = bodies.flatMap((body, i) => [ENCODER.encode(heads[i]!), body]);
  return joinChunks([...pieces, ENCODER.encode(tail)]);
}
