import type { Headers } from "./broker.ts";

const ENCODER = new TextEncoder();
const NAME = /^[!-9;-~]+$/;
const BAD_VALUE = /[\0\r\n]/;

/**
 * Encodes headers as NATS has them on the wire. What does not change from message to message is encoded once per `Headers` object;
 * the id is put behind it.
 */
export class HeaderEncoder {
  readonly #prefixes = new WeakMap<Headers, Uint8Array>();
  readonly #bare = encodePrefix({});
  #last?: Headers;
  #lastPrefix = this.#bare;

  /** Throws `RangeError` if a header or the id cannot be sent. */
  encode(id: string, headers?: Headers): Uint8Array {
    const prefix = headers === undefined ? this.#bare : this.#prefix(headers);
    const at = prefix.length;
    const length = id.length;
    const bytes = new Uint8Array(at + length + 4);
    bytes.set(prefix);
    for (let i = 0; i < length; i++) {
      const code = id.charCodeAt(i);
      if (code < 33 || code > 126) {
        throw new RangeError(
          `Cannot send ${JSON.stringify(id)} as a message id: only visible ASCII is allowed`,
        );
      }
      bytes[at + i] = code;
    }
    const end = at + length;
    bytes[end] = bytes[end + 2] = 13;
    bytes[end + 1] = bytes[end + 3] = 10;
    return bytes;
  }

  #prefix(headers: Headers): Uint8Array {
    if (headers === this.#last) return this.#lastPrefix;
    let prefix = this.#prefixes.get(headers);
    if (prefix === undefined) this.#prefixes.set(headers, prefix = encodePrefix(headers));
    this.#last = headers;
    return this.#lastPrefix = prefix;
  }
}

function encodePrefix(headers: Headers): Uint8Array {
  // Headers of a delivery may be passed on whole. These were its publisher's word to the server, such as the sequence to expect: obeyed again, they would keep
  // the message out. The id is the message's own.
  const rest = Object.entries(headers).filter(([name]) => !/^nats-/i.test(name));
  return ENCODER.encode(`NATS/1.0\r\n${lines(Object.fromEntries(rest))}Nats-Msg-Id: `);
}

/** Headers without an id. */
export function encodeHeaders(headers: Headers): { encode(): Uint8Array } {
  const bytes = ENCODER.encode(`NATS/1.0\r\n${lines(headers)}\r\n`);
  return { encode: () => bytes };
}

function lines(headers: Headers): string {
  let text = "";
  for (const [name, value] of Object.entries(headers)) {
    if (!NAME.test(name) || BAD_VALUE.test(value)) {
      throw new RangeError(
        `Cannot send header ${JSON.stringify(name)} with value ${
          JSON.stringify(value)
        }: not a header NATS can carry`,
      );
    }
    text += `${name}: ${value}\r\n`;
  }
  return text;
}
