import type { Delivery, Headers } from "../../broker/broker.ts";

const PARENT = "traceparent";
const STATE = "tracestate";
/** Version, trace id, parent id, flags (W3C Trace Context, "traceparent Header Field Values"); a later version may have more behind them. */
const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZEROS = /^0+$/;
const SAMPLED = 1;

/** The trace that a message came with, as far as its worker takes it along: the same trace, and a step of its own in it. */
export class Trace {
  /** Trace id, 32 hexadecimal digits. */
  readonly id: string;
  /** Of this step, 16 hexadecimal digits. */
  readonly spanId = randomHex(8);
  /** Of the step before; undefined: the trace begins with this one. */
  readonly parentId: string | undefined;
  /** `tracestate` that it came with. */
  readonly state: string | undefined;
  /** Value of the header `traceparent` for whatever comes of the message. */
  readonly parent: string;
  /** Whether its steps are to be sent, as the trace itself says. */
  readonly isSampled: boolean;

  private constructor(id: string, flags: string, before?: { parentId: string; state?: string }) {
    this.id = id;
    this.parentId = before?.parentId;
    this.state = before?.state;
    this.parent = `00-${id}-${this.spanId}-${flags}`;
    this.isSampled = (parseInt(flags, 16) & SAMPLED) !== 0;
  }

  /** Undefined for a message or a request without a `traceparent`, or with one that is none. */
  static of(message: Pick<Delivery, "header">): Trace | undefined {
    const given = message.header(PARENT);
    if (given === undefined) return undefined;
    const [, version, id, span, flags, more] = FORM.exec(given) ?? [];
    if (version === undefined || version === "ff" || (version === "00" && more)) return undefined;
    if (ZEROS.test(id!) || ZEROS.test(span!)) return undefined;
    return new Trace(id!, flags!, { parentId: span!, state: message.header(STATE) });
  }

  /** A new one, whose steps are sent if its id is among those to be sampled; undefined if not. */
  static start(sampler: { samples(traceId: string): boolean }): Trace | undefined {
    const id = randomHex(16);
    return sampler.samples(id) ? new Trace(id, "01") : undefined;
  }

  /** The headers with the trace. */
  on(headers: Headers): Headers {
    const traced = { ...headers, [PARENT]: this.parent };
    return this.state === undefined ? traced : { ...traced, [STATE]: this.state };
  }
}

/** The trace id in a well-formed `traceparent`. */
export function traceIdIn(traceparent: string): string {
  return traceparent.split("-")[1]!;
}

function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  // All zeros are no id.
  random[0]! |= 1;
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
