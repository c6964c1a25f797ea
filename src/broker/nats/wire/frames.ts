import { joinChunks } from "../../../base/data/body_chunks.ts";
import { NatsMessage } from "./message.ts";

const DECODER = new TextDecoder();
const NO_BYTES = new Uint8Array();
const [LF, CR, SPACE, ZERO, NINE] = [0x0a, 0x0d, 0x20, 0x30, 0x39];
const [UPPER_H, UPPER_M] = [0x48, 0x4d];
/** No server sends a line as long, bytes. */
const LONGEST_LINE = 64 * 1024;
/** Nor a message as large: 64 MiB are the most that one can be told to take. */
const LARGEST_MESSAGE = 128 * 1024 * 1024;

export type MessageListener = (message: NatsMessage) => void;

export interface FramesOptions {
  /** Who takes the messages of a subscription. */
  readonly listenerOf: (sid: number) => MessageListener | undefined;
  /** Takes everything else, one or more whole elements of the protocol at a time. */
  readonly rest: (bytes: Uint8Array) => void;
}

/**
 * Reads what a NATS server sends, in pieces that end anywhere. For a message only its line is looked at, and nothing is copied but its reply subject:
 *
 *     MSG  subject sid [reply] bytes ␍␊ body ␍␊
 *     HMSG subject sid [reply] header-bytes bytes ␍␊ headers body ␍␊
 */
export class NatsFrames {
  readonly #options: FramesOptions;
  /** A line that is not whole. */
  #line: Uint8Array = NO_BYTES;
  /** A message that is not whole, with room for what is to come, and how much of it is there. */
  #whole?: Uint8Array;
  #filled = 0;

  constructor(options: FramesOptions) {
    this.#options = options;
  }

  read(piece: Uint8Array): void {
    let bytes = piece;
    let at = 0;
    if (this.#whole !== undefined) {
      at = this.#fill(this.#whole, piece);
      if (this.#whole !== undefined) return;
    } else if (this.#line.length > 0) {
      bytes = joinChunks([this.#line, piece]);
      this.#line = NO_BYTES;
    }
    while (at < bytes.length) {
      const end = bytes[at] === UPPER_H || bytes[at] === UPPER_M
        ? this.#message(bytes, at)
        : this.#other(bytes, at);
      if (end < 0) return;
      at = end;
    }
  }

  /** Returns how much of the piece belongs to the message that was begun. */
  #fill(whole: Uint8Array, piece: Uint8Array): number {
    const count = Math.min(whole.length - this.#filled, piece.length);
    whole.set(count < piece.length ? piece.subarray(0, count) : piece, this.#filled);
    this.#filled += count;
    if (this.#filled === whole.length) {
      this.#whole = undefined;
      this.#message(whole, 0);
    }
    return count;
  }

  #other(bytes: Uint8Array, at: number): number {
    const end = bytes.indexOf(LF, at) + 1;
    if (end === 0) return this.#keepLine(bytes, at);
    this.#options.rest(bytes.subarray(at, end));
    return end;
  }

  /** Hands a message over and returns where it ends; -1 if it is not whole. */
  #message(bytes: Uint8Array, at: number): number {
    const { length } = bytes;
    const hasHeaders = bytes[at] === UPPER_H;
    const subject = at + (hasHeaders ? 5 : 4);
    const subjectEnd = tokenEnd(bytes, subject);
    const sidAt = subjectEnd + 1;
    const sidEnd = bytes[subjectEnd] === SPACE ? tokenEnd(bytes, sidAt) : subjectEnd;
    if (sidEnd < length && bytes[sidEnd] !== SPACE) return this.#rest(bytes, at, length);
    const first = sidEnd + 1;
    let i = first;
    let second = 0;
    let third = 0;
    for (; i < length && bytes[i] !== CR; i++) {
      if (bytes[i] !== SPACE) continue;
      if (second === 0) second = i + 1;
      else third = i + 1;
    }
    if (i + 1 >= length) return this.#keepLine(bytes, at);
    const hasReply = (hasHeaders ? third : second) > 0;
    const one = hasReply ? second : first;
    const other = hasReply ? third : second;
    const headerBytes = hasHeaders ? numberIn(bytes, one, other - 1) : 0;
    const size = numberIn(bytes, hasHeaders ? other : one, i);
    const headers = i + 2;
    const end = headers + size;
    const isMessage = bytes[i + 1] === LF && headerBytes <= size && size <= LARGEST_MESSAGE;
    if (!isMessage) return this.#rest(bytes, at, length);
    if (end + 2 > length) return this.#keepMessage(bytes, at, end + 2);
    const listener = this.#options.listenerOf(numberIn(bytes, sidAt, sidEnd));
    if (listener === undefined) return this.#rest(bytes, at, end + 2);
    const reply = hasReply ? DECODER.decode(bytes.subarray(first, second - 1)) : "";
    const body = headers + headerBytes;
    listener(new NatsMessage(bytes, reply, { subject, subjectEnd, headers, body, end }));
    return end + 2;
  }

  #rest(bytes: Uint8Array, from: number, to: number): number {
    this.#options.rest(bytes.subarray(from, to));
    return to;
  }

  #keepLine(bytes: Uint8Array, at: number): number {
    if (bytes.length - at > LONGEST_LINE) return this.#rest(bytes, at, bytes.length);
    this.#line = bytes.slice(at);
    return -1;
  }

  #keepMessage(bytes: Uint8Array, at: number, end: number): number {
    this.#whole = new Uint8Array(end - at);
    this.#whole.set(bytes.subarray(at));
    this.#filled = bytes.length - at;
    return -1;
  }
}

function tokenEnd(bytes: Uint8Array, from: number): number {
  let i = from;
  while (i < bytes.length && bytes[i]! > SPACE) i++;
  return i;
}

/** NaN if it is no number. */
function numberIn(bytes: Uint8Array, from: number, to: number): number {
  if (from >= to) return NaN;
  let number = 0;
  for (let i = from; i < to; i++) {
    const digit = bytes[i]!;
    if (digit < ZERO || digit > NINE) return NaN;
    number = number * 10 + digit - ZERO;
  }
  return number;
}
