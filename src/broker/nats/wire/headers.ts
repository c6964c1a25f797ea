import type { Headers } from "../../broker.ts";
import type { HeaderText } from "./outbox.ts";

const ENCODER = new TextEncoder();
const NAME = /^[!-9;-~]+$/;
const VISIBLE = /^[!-~]*$/;
const BAD_VALUE = /[\0\r\n]/;

/**
 * Writes headers as NATS has them on the wire. What does not change from message to message is written once per `Headers` object; the id is put behind it.
 */
export class HeaderWriter {
  readonly #prefixes = new WeakMap<Headers, HeaderText>();
  readonly #bare = prefixOf({});
  #last?: Headers;
  #lastPrefix = this.#bare;

  /** Throws `RangeError` if a header or the id cannot be sent. */
  write(id: string, headers?: Headers): HeaderText {
    if (!VISIBLE.test(id)) {
      throw new RangeError(
        `Cannot send ${JSON.stringify(id)} as a message id: only visible ASCII is allowed`,
      );
    }
    const { text, bytes } = headers === undefined ? this.#bare : this.#prefix(headers);
    return { text: `${text}${id}\r\n\r\n`, bytes: bytes + id.length + 4 };
  }

  #prefix(headers: Headers): HeaderText {
    if (headers === this.#last) return this.#lastPrefix;
    let prefix = this.#prefixes.get(headers);
    if (prefix === undefined) this.#prefixes.set(headers, prefix = prefixOf(headers));
    this.#last = headers;
    return this.#lastPrefix = prefix;
  }
}

function prefixOf(headers: Headers): HeaderText {
  // Headers of a delivery may be passed on whole. These were its publisher's word to the server, such as the sequence to expect: obeyed again, they would keep
  // the message out. The id is the message's own.
  const rest = Object.entries(headers).filter(([name]) => !/^nats-/i.test(name));
  const text = `NATS/1.0\r\n${lines(Object.fromEntries(rest))}Nats-Msg-Id: `;
  return { text, bytes: ENCODER.encode(text).length };
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
