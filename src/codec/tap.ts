import { DecodeError } from "./codec.ts";

/** What the tap needs of Node's Buffer: both work on any Uint8Array and are much faster than the web's own on short texts. */
export interface Utf8 {
  slice(bytes: Uint8Array, start: number, end: number): string;
  /** Returns the number of bytes written. */
  write(bytes: Uint8Array, text: string, start: number): number;
}

const EMPTY = new Uint8Array(0);
/**
 * Small results are cut from blocks of this size: an ArrayBuffer each costs V8 ten times as much (measured). A block is never written
 * twice; one result that is kept for long keeps its whole block.
 */
const BLOCK_SIZE = 16 * 1024;
/** Larger results get an ArrayBuffer of their own. */
const SMALL_SIZE = 4 * 1024;
/** A larger working buffer than this is not kept for the next message. */
const KEPT_SIZE = 1 << 20;
const MAX_DEPTH = 512;
/** Items without any bytes (nulls, empty records) that one message may hold: nothing else bounds their number. */
const MAX_EMPTY_ITEMS = 65_536;

/**
 * Cursor over a message, in place of avsc's own tap, which runs over the end in silence and is checked only at the end: that is
 * too late for a count of 2^40 items. This one throws at the first byte that is missing. It has the methods avsc's types call.
 */
export class Tap {
  buf: Uint8Array;
  pos = 0;
  depth = 0;
  #emptyItems = 0;
  /** Where the message that is being written begins. */
  #start = 0;
  #block = EMPTY;
  #blockUsed = 0;
  readonly #view = new DataView(new ArrayBuffer(8));
  readonly #bytes = new Uint8Array(this.#view.buffer);

  constructor(readonly utf8: Utf8) {
    this.buf = EMPTY;
  }

  startReading(body: Uint8Array): void {
    this.buf = body;
    this.pos = 0;
    this.depth = 0;
    this.#emptyItems = 0;
  }

  finishReading(): void {
    const { pos, buf } = this;
    if (pos !== buf.length) {
      throw new DecodeError(
        `Cannot decode message of ${buf.length} bytes: ${buf.length - pos} bytes follow the record`,
      );
    }
    this.buf = EMPTY;
  }

  startWriting(): void {
    this.pos = this.#start;
    this.depth = 0;
  }

  /** What was written, in memory that is never written again. */
  written(): Uint8Array {
    const { buf, pos } = this;
    const start = this.#start;
    const length = pos - start;
    if (buf.length > BLOCK_SIZE) {
      // Kept for the next large record, if it is not far too large; small ones go back to blocks.
      if (length <= SMALL_SIZE || buf.length > KEPT_SIZE) this.buf = EMPTY;
      return buf.slice(start, pos);
    }
    if (length > SMALL_SIZE) return buf.slice(start, pos);
    this.#start = pos;
    return new Uint8Array(buf.buffer, start, length);
  }

  /** Called on the way into a record; every cycle of a recursive schema passes through one. */
  enter(): void {
    if (++this.depth > MAX_DEPTH) {
      throw new DecodeError(`Cannot process record: nested deeper than ${MAX_DEPTH} records`);
    }
  }

  /** Counts of the next block of an array or map; 0 at its end. */
  readBlock(smallestItem: 0 | 1 | 2): number {
    let count = this.readLong();
    if (count === 0) return 0;
    if (count < 0) {
      count = -count;
      const size = this.readLong();
      if (size < 0 || size > this.buf.length - this.pos) {
        this.fail(`block size ${size} exceeds the remaining ${this.buf.length - this.pos} bytes`);
      }
    }
    if (smallestItem === 0) {
      this.#emptyItems += count;
      if (this.#emptyItems > MAX_EMPTY_ITEMS) {
        this.fail(`more than ${MAX_EMPTY_ITEMS} items without bytes`);
      }
    } else if (count > (this.buf.length - this.pos) / smallestItem) {
      this.fail(`block count ${count} exceeds the remaining ${this.buf.length - this.pos} bytes`);
    }
    return count;
  }

  fail(problem: string): never {
    throw new DecodeError(`Cannot decode message of ${this.buf.length} bytes: ${problem}`);
  }

  #truncated(): never {
    return this.fail("it ends in the middle of a value");
  }

  readBoolean(): boolean {
    const byte = this.buf[this.pos++];
    if (byte === 0) return false;
    if (byte === 1) return true;
    if (byte === undefined) this.#truncated();
    return this.fail(`boolean byte ${byte} is neither 0 nor 1`);
  }

  skipBoolean(): void {
    this.readBoolean();
  }

  readInt(): number {
    const value = this.readLong();
    if (value !== (value | 0)) this.fail(`${value} is out of range for an int`);
    return value;
  }

  skipInt(): void {
    this.readInt();
  }

  /** A long as a number: exact up to 2^53, the nearest number beyond. */
  readLong(): number {
    const { buf } = this;
    let { pos } = this;
    let byte: number;
    let low = 0;
    let shift = 0;
    do {
      if (pos >= buf.length) this.#truncated();
      byte = buf[pos++]!;
      low |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte & 0x80 && shift < 28);
    if (byte < 0x80) {
      this.pos = pos;
      return (low >>> 1) ^ -(low & 1);
    }
    // 21 bits more keep both halves small integers and their sum exact.
    let high = 0;
    shift = 0;
    do {
      if (pos >= buf.length) this.#truncated();
      byte = buf[pos++]!;
      high |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte & 0x80 && shift < 21);
    if (byte < 0x80) {
      this.pos = pos;
      const half = high * 0x8000000 + (low >>> 1);
      return low & 1 ? -half - 1 : half;
    }
    return Number(this.#readBigLong());
  }

  /** A long: a number if that is exact, else a bigint. */
  readExactLong(): number | bigint {
    const start = this.pos;
    const value = this.readLong();
    if (Number.isSafeInteger(value)) return value;
    this.pos = start;
    return this.#readBigLong();
  }

  #readBigLong(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.buf[this.pos++];
      if (byte === undefined) this.#truncated();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (value >= 1n << 64n) break;
        return (value >> 1n) ^ -(value & 1n);
      }
    }
    return this.fail("a long has more than 64 bits");
  }

  skipLong(): void {
    this.readLong();
  }

  readFloat(): number {
    this.#fill(4);
    return this.#view.getFloat32(0, true);
  }

  skipFloat(): void {
    this.skipFixed(4);
  }

  readDouble(): number {
    this.#fill(8);
    return this.#view.getFloat64(0, true);
  }

  skipDouble(): void {
    this.skipFixed(8);
  }

  #fill(length: number): void {
    const { buf, pos } = this;
    if (length > buf.length - pos) this.#truncated();
    for (let i = 0; i < length; i++) this.#bytes[i] = buf[pos + i]!;
    this.pos = pos + length;
  }

  readFixed(length: number): Uint8Array {
    const { buf, pos } = this;
    this.skipFixed(length);
    const copy = this.#memory(length);
    copy.set(buf.subarray(pos, pos + length));
    return copy;
  }

  #memory(length: number): Uint8Array {
    if (length > SMALL_SIZE) return new Uint8Array(length);
    if (this.#blockUsed + length > this.#block.length) {
      this.#block = new Uint8Array(BLOCK_SIZE);
      this.#blockUsed = 0;
    }
    const start = this.#blockUsed;
    this.#blockUsed += length;
    return new Uint8Array(this.#block.buffer, start, length);
  }

  skipFixed(length: number): void {
    if (length > this.buf.length - this.pos) this.#truncated();
    this.pos += length;
  }

  #readLength(): number {
    const length = this.readLong();
    if (length < 0 || length > this.buf.length - this.pos) {
      this.fail(`length ${length} exceeds the remaining ${this.buf.length - this.pos} bytes`);
    }
    return length;
  }

  readBytes(): Uint8Array {
    return this.readFixed(this.#readLength());
  }

  skipBytes(): void {
    const length = this.#readLength();
    this.pos += length;
  }

  readString(): string {
    const length = this.#readLength();
    const start = this.pos;
    this.pos = start + length;
    return length === 0 ? "" : this.utf8.slice(this.buf, start, start + length);
  }

  skipString(): void {
    const length = this.#readLength();
    this.pos += length;
  }

  #reserve(length: number): void {
    const { buf, pos } = this;
    if (pos + length <= buf.length) return;
    const start = this.#start;
    const size = pos - start + length;
    const larger = new Uint8Array(size <= BLOCK_SIZE ? BLOCK_SIZE : size * 2);
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
    this.#reserve(10);
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
    this.#reserve(10);
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
    this.#reserve(length * 3 + 5);
    const { buf, pos } = this;
    if (length < 48) {
      let at = pos + 1;
      let i = 0;
      for (; i < length; i++) {
        const unit = text.charCodeAt(i);
        if (unit > 0x7f) break;
        buf[at++] = unit;
      }
      if (i === length) {
        buf[pos] = length << 1;
        this.pos = at;
        return;
      }
    }
    const guess = prefixSize(length);
    const written = this.utf8.write(buf, text, pos + guess);
    const size = prefixSize(written);
    if (size !== guess) buf.copyWithin(pos + size, pos + guess, pos + guess + written);
    this.writeLong(written);
    this.pos = pos + size + written;
  }
}

function prefixSize(length: number): number {
  let size = 1;
  for (let rest = length; rest > 0x3f; rest = Math.floor(rest / 128)) size++;
  return size;
}
