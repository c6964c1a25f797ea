import { joinChunks } from "../../../base/data/body_chunks.ts";
import type { Msg } from "./client.ts";

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
const ZERO = 0x30;
const DOT = 0x2e;

/** Where the parts of a message lie in the bytes that it came in. */
export interface MessagePlaces {
  readonly subject: number;
  readonly subjectEnd: number;
  /** Its headers, which end where the body begins. */
  readonly headers: number;
  readonly body: number;
  readonly end: number;
}

/** A message as it came, whose parts are taken out of its bytes when somebody asks for them. */
export class NatsMessage {
  readonly #at: MessagePlaces;

  /** @param reply "" if it has none. */
  constructor(readonly bytes: Uint8Array, readonly reply: string, at: MessagePlaces) {
    this.#at = at;
  }

  /** What the client has read. */
  static of(msg: Msg): NatsMessage {
    const subject = ENCODER.encode(msg.subject);
    const headers = ENCODER.encode(msg.headers === undefined ? "" : String(msg.headers));
    const bytes = joinChunks([subject, headers, msg.data]);
    const subjectEnd = subject.length;
    const body = subjectEnd + headers.length;
    const at = { subject: 0, subjectEnd, headers: subjectEnd, body, end: bytes.length };
    return new NatsMessage(bytes, msg.reply ?? "", at);
  }

  get subject(): string {
    const { subject, subjectEnd } = this.#at;
    return DECODER.decode(this.bytes.subarray(subject, subjectEnd));
  }

  /** The last token of its subject, which is a number. */
  get token(): number {
    const { subject, subjectEnd } = this.#at;
    let from = subjectEnd;
    while (from > subject && this.bytes[from - 1] !== DOT) from--;
    let token = 0;
    for (let i = from; i < subjectEnd; i++) token = token * 10 + this.bytes[i]! - ZERO;
    return token;
  }

  /** Where its headers begin in the bytes. */
  get headersAt(): number {
    return this.#at.headers;
  }

  /** Where its body begins in the bytes. */
  get bodyAt(): number {
    return this.#at.body;
  }

  get end(): number {
    return this.#at.end;
  }

  get body(): Uint8Array {
    return this.bytes.subarray(this.#at.body, this.#at.end);
  }

  /** All headers, with the line before them and the empty one behind; "" if there are none. */
  get headers(): string {
    const { headers, body } = this.#at;
    return DECODER.decode(this.bytes.subarray(headers, body));
  }

  /** The bytes of the same. */
  get headerBlock(): Uint8Array {
    const { headers, body } = this.#at;
    return this.bytes.subarray(headers, body);
  }

  /** What a server says in place of a message, such as `404 No Messages`; undefined if this is none. */
  get status(): { readonly code: number; readonly description: string } | undefined {
    const [, code, description] = /^NATS\/1\.0 +(\d{3})\s*([^\r\n]*)/.exec(this.headers) ?? [];
    return code === undefined ? undefined : { code: +code, description: description!.trim() };
  }
}
