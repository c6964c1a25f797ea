import type { Delivery, Headers } from "../broker/broker.ts";

const PARENT = "traceparent";
const STATE = "tracestate";
/** Version, trace id, parent id, flags (W3C Trace Context, "traceparent Header Field Values"); a later version may have more behind them. */
const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZEROS = /^0+$/;

/** The trace that a message came with, as far as its worker takes it along: the same trace, and a step of its own in it. */
export class Trace {
  /** Trace id, 32 hexadecimal digits. */
  readonly id: string;
  /** Value of the header `traceparent` for whatever comes of the message. */
  readonly parent: string;
  readonly #state: string | undefined;

  private constructor(id: string, flags: string, state: string | undefined) {
    this.id = id;
    this.parent = `00-${id}-${spanId()}-${flags}`;
    this.#state = state;
  }

  /** Undefined for a message or a request without a `traceparent`, or with one that is none. */
  static of(message: Pick<Delivery, "header">): Trace | undefined {
    const given = message.header(PARENT);
    if (given === undefined) return undefined;
    const [, version, id, span, flags, more] = FORM.exec(given) ?? [];
    if (version === undefined || version === "ff" || (version === "00" && more)) return undefined;
    if (ZEROS.test(id!) || ZEROS.test(span!)) return undefined;
    return new Trace(id!, flags!, message.header(STATE));
  }

  /** The headers with the trace. */
  on(headers: Headers): Headers {
    const traced = { ...headers, [PARENT]: this.parent };
    return this.#state === undefined ? traced : { ...traced, [STATE]: this.#state };
  }
}

/** The trace id in a well-formed `traceparent`. */
export function traceIdIn(traceparent: string): string {
  return traceparent.split("-")[1]!;
}

function spanId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  // All zeros are no id.
  bytes[7]! |= 1;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
