import { MAX_DEPTH } from "../schema/max_depth.ts";
import { MAX_FREE_VALUES, TOO_MANY_VALUES } from "../value_budget.ts";

/** Writes UTF-8 into any Uint8Array and returns the number of bytes. */
export type WriteText = (bytes: Uint8Array, text: string, start: number) => number;

const EMPTY = new Uint8Array(0);
const ENCODER = new TextEncoder();
/**
 * Small messages are cut from blocks of this size: an ArrayBuffer each costs V8 ten times as much (measured). A block is never written
 * twice; one message that is kept for long keeps its whole block.
 */
const BLOCK_SIZE = 16 * 1024;
/** Larger messages get an ArrayBuffer of their own. */
const SMALL_SIZE = 4 * 1024;
/** A larger working buffer than this is not kept for the next message: the message gets it. */
const KEPT_SIZE = 1 << 20;
/** Bytes. */
const LONGEST_LONG = 10;
/** Up to here a loop is faster than asking the runtime. */
const SHORT_TEXT = 96;
/** For so much text memory for the longest encoding of it, three bytes a character, would cost too much. */
const LONG_TEXT = 32 * 1024;

/** Writes a message. It grows, so that nothing is written twice, and has the methods that avsc's types call. */
export class WriteTap {
  buf: Uint8Array = EMPTY;
  pos = 0;
  depth = 0;
  /** What is left of the budget for values without bytes: no reader would read more. */
  values = 0;
  /** Where the message begins. */
  #start = 0;
  readonly #view = new DataView(new ArrayBuffer(8));
  readonly #bytes = new Uint8Array(this.#view.buffer);
  readonly #writeText: WriteText;

  constructor(writeText: WriteText) {
    this.#writeText = writeText;
  }

  start(values: number = MAX_FREE_VALUES): void {
    this.pos = this.#start;
    this.depth = 0;
    this.values = values;
  }

  /** What was written, in memory that is never written again. */
  finish(): Uint8Array {
    const { buf, pos } = this;
    const start = this.#start;
    const length = pos - start;
    if (buf.length > KEPT_SIZE && length * 2 > buf.length) {
      this.buf = EMPTY;
      return buf.subarray(start, pos);
    }
    if (buf.length > BLOCK_SIZE) {
      // Kept for the next large record, if it is not far too large; small ones go back to blocks.
      if (length <= SMALL_SIZE || buf.length > KEPT_SIZE) this.buf = EMPTY;
      return buf.slice(start, pos);
    }
    if (length > SMALL_SIZE) return buf.slice(start, pos);
    this.#start = pos;
    return new Uint8Array(buf.buffer, start, length);
  }

  /** Called before values are written that take no bytes of their own. */
  charge(values: number): void {
    this.values -= values;
    if (this.values < 0) throw new RangeError(TOO_MANY_VALUES);
  }

  /** Called on the way into a record; every cycle of a recursive schema passes through one. */
  enter(): void {
    if (++this.depth > MAX_DEPTH) throw new RangeError(`nested deeper than ${MAX_DEPTH} records`);
  }

  #reserve(length: number): void {
    const { buf, pos } = this;
    if (pos + length <= buf.length) return;
    const start = this.#start;
    const size = pos - start + length;
    const roomy = size < KEPT_SIZE / 2 ? size * 2 : Math.ceil(size * 1.25);
    const larger = new Uint8Array(size <= BLOCK_SIZE ? BLOCK_SIZE : roomy);
    larger.set(buf.subarray(start, pos));
    this.buf = larger;
    this.pos = pos - start;
    this.#start = 0;
  }

  writeBoolean(value: boolean): void {
    this.#reserve(1);
    this.buf[this.pos++] = value ? 1 : 0;
  }

  writeInt(value: number): void {
    this.writeLong(value);
  }

  /** @param value A safe integer. */
  writeLong(value: number): void {
    this.#reserve(LONGEST_LONG);
    const { buf } = this;
    let { pos } = this;
    if (value >= -1073741824 && value < 1073741824) {
      let bits = (value << 1) ^ (value >> 31);
      while (bits > 0x7f) {
        buf[pos++] = (bits & 0x7f) | 0x80;
        bits >>>= 7;
      }
      buf[pos++] = bits;
    } else if (value >= -0xffffffffffff && value <= 0xffffffffffff) {
      const bits = value >= 0 ? value * 2 : -value * 2 - 1;
      // At least 31 bits: the low 28 take four bytes, the others are at least one.
      buf[pos] = bits | 0x80;
      buf[pos + 1] = (bits >>> 7) | 0x80;
      buf[pos + 2] = (bits >>> 14) | 0x80;
      buf[pos + 3] = (bits >>> 21) | 0x80;
      pos += 4;
      let high = Math.floor(bits / 0x10000000);
      while (high > 0x7f) {
        buf[pos++] = (high & 0x7f) | 0x80;
        high >>>= 7;
      }
      buf[pos++] = high;
    } else {
      return this.writeBigLong(BigInt(value));
    }
    this.pos = pos;
  }

  writeBigLong(value: bigint): void {
    this.#reserve(LONGEST_LONG);
    let bits = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    while (bits > 0x7fn) {
      this.buf[this.pos++] = Number(bits & 0x7fn) | 0x80;
      bits >>= 7n;
    }
    this.buf[this.pos++] = Number(bits);
  }

  writeFloat(value: number): void {
    this.#view.setFloat32(0, value, true);
    this.writeFixed(this.#bytes, 4);
  }

  writeDouble(value: number): void {
    this.#view.setFloat64(0, value, true);
    this.writeFixed(this.#bytes, 8);
  }

  writeFixed(bytes: Uint8Array, length: number = bytes.length): void {
    this.#reserve(length);
    this.buf.set(length === bytes.length ? bytes : bytes.subarray(0, length), this.pos);
    this.pos += length;
  }

  writeBytes(bytes: Uint8Array): void {
    this.writeLong(bytes.length);
    this.writeFixed(bytes);
  }

  writeString(text: string): void {
    const { length } = text;
    if (length > LONG_TEXT) return this.#writeLongText(text);
    // So much that the length, which is written last, finds room: memory must not move under the text.
    this.#reserve(LONGEST_LONG + length * 3);
    const { buf, pos } = this;
    const guess = prefixSize(length);
    if (length < SHORT_TEXT) {
      let at = pos + guess;
      let i = 0;
      for (; i < length; i++) {
        const unit = text.charCodeAt(i);
        if (unit > 0x7f) break;
        buf[at++] = unit;
      }
      if (i === length) {
        this.writeLong(length);
        this.pos = at;
        return;
      }
    }
    const written = this.#writeText(buf, text, pos + guess);
    const size = prefixSize(written);
    if (size !== guess) buf.copyWithin(pos + size, pos + guess, pos + guess + written);
    this.writeLong(written);
    this.pos = pos + size + written;
  }

  /** Memory is taken for text in ASCII; what else there is goes behind it. */
  #writeLongText(text: string): void {
    const { length } = text;
    const guess = prefixSize(length);
    this.#reserve(LONGEST_LONG + length);
    // Memory may move, and the message with it.
    const before = this.pos - this.#start;
    this.pos += guess;
    const room = this.buf.subarray(this.pos, this.pos + length);
    const { read, written } = ENCODER.encodeInto(text, room);
    this.pos += written;
    if (read < length) {
      const rest = ENCODER.encode(text.slice(read));
      this.#reserve(LONGEST_LONG + rest.length);
      this.buf.set(rest, this.pos);
      this.pos += rest.length;
    }
    const end = this.pos;
    this.pos = this.#start + before;
    const from = this.pos + guess;
    const bytes = end - from;
    const size = prefixSize(bytes);
    if (size !== guess) this.buf.copyWithin(this.pos + size, from, end);
    this.writeLong(bytes);
    this.pos += bytes;
  }
}

function prefixSize(length: number): number {
  let size = 1;
  for (let rest = length; rest > 0x3f; rest = Math.floor(rest / 128)) size++;
  return size;
}
