import type { NatsMessage } from "./wire/message.ts";

/** What a stream said to a publication. */
export interface PubAck {
  readonly stored: boolean;
  readonly duplicate: boolean;
  /** No room: the stream takes this message when others are gone. */
  readonly full: boolean;
  /** Trying again cannot help. */
  readonly permanent: boolean;
  readonly reason: string;
}

const STORED: PubAck = {
  stored: true,
  duplicate: false,
  full: false,
  permanent: false,
  reason: "",
};
const DUPLICATE: PubAck = { ...STORED, duplicate: true };
const NOT_STORED: PubAck = { ...STORED, stored: false };

/** "maximum bytes exceeded" and its like. */
const NO_ROOM = 10077;
/** Larger than the stream's max_msg_size, headers too large, a condition of the message that does not hold, sealed. */
const PERMANENT = new Set([10054, 10097, 10060, 10070, 10071, 10109]);

const DECODER = new TextDecoder();
const LOWER_S = 0x73;
const ZERO = 0x30;
const NINE = 0x39;

/** Reads a publication's answer. The usual one, `{"stream":"…","seq":123}`, is known by two of its bytes. */
export function readPubAck(message: NatsMessage): PubAck {
  const { bytes, bodyAt, end } = message;
  if (bodyAt === end) {
    const { status } = message;
    const text = status?.code === 503
      ? "no stream takes this subject"
      : status?.description ?? "an empty answer";
    return { ...NOT_STORED, reason: text };
  }
  const last = bytes[end - 2]!;
  if (end - bodyAt > 4 && bytes[bodyAt + 2] === LOWER_S && last >= ZERO && last <= NINE) {
    return STORED;
  }
  try {
    const ack = JSON.parse(DECODER.decode(message.body));
    if (ack.error === undefined) return ack.duplicate ? DUPLICATE : STORED;
    const { code, err_code, description } = ack.error;
    return {
      ...NOT_STORED,
      full: err_code === NO_ROOM,
      permanent: PERMANENT.has(err_code),
      reason: `${description} (${err_code ?? code})`,
    };
  } catch {
    return { ...NOT_STORED, reason: "an answer that is not from a stream" };
  }
}

/** Where the message lies, from an answer that says that it is stored. */
export function sequenceIn(message: NatsMessage): number {
  const [, sequence] = /"seq": *(\d+)/.exec(DECODER.decode(message.body)) ?? [];
  return Number(sequence);
}
