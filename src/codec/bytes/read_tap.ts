import { firstNotUtf8 } from "../../base/text/first_not_utf8.ts";
import { DecodeError } from "../codec.ts";
import { MAX_DEPTH } from "../schema/max_depth.ts";
import { MAX_FREE_VALUES, TOO_MANY_VALUES } from "../value_budget.ts";

/** What the items of an array or map take, so that a count is judged before the first item is read. */
export interface ItemSize {
  readonly bytes: number;
  /** Of the budget for values without bytes. */
  readonly cost: number;
}

/** Text from UTF-8, of any Uint8Array. */
export type ReadText = (bytes: Uint8Array, start: number, end: number) => string;

const EMPTY = new Uint8Array(0);
/** Small values are cut from blocks of this size: an ArrayBuffer each costs V8 ten times as much (measured). */
const BLOCK_SIZE = 16 * 1024;
const SMALL_SIZE = 4 * 1024;

/**
 * Reads a message, in place of avsc's own tap, which runs over the end in silence and is checked only at the end: that is too late
 * for a count of 2^40 items. This one throws at the first byte that is missing. It has the methods that avsc's types call.
 */
export class ReadTap {
  buf: Uint8Array = EMPTY;
  pos = 0;
  depth = 0;
  /** What is left of the budget for values without bytes. */
  values = 0;
  #block = EMPTY;
  #blockUsed = 0;
  readonly #view = new DataView(new ArrayBuffer(8));
  readonly #bytes = new Uint8Array(this.#view.buffer);
  readonly #readText: ReadText;

  constructor(readText: ReadText) {
    this.#readText = readText;
  }

  start(body: Uint8Array, values: number = MAX_FREE_VALUES): void {
    this.buf = body;
    this.pos = 0;
    this.depth = 0;
    this.values = values;
  }

  finish(): void {
    const left = this.buf.length - this.pos;
    if (left !== 0) this.fail(`${left} bytes follow the record`);
    this.buf = EMPTY;
  }

  /** Called on the way into a record; every cycle of a recursive schema passes through one. */
  enter(): void {
    if (++this.depth > MAX_DEPTH) this.fail(`nested deeper than ${MAX_DEPTH} records`);
  }

  /** Called before values are made that take no bytes of their own. */
  charge(values: number): void {
    this.values -= values;
    if (this.values < 0) this.fail(TOO_MANY_VALUES);
  }

  /** Count of the next block of an array or map; 0 at its end. */
  readBlock(item: ItemSize): number {
    let count = this.readLong();
    if (count === 0) return 0;
    if (count < 0) {
      count = -count;
      const size = this.readLong();
      if (size < 0 || size > this.buf.length - this.pos) {
        this.fail(`block size ${size} exceeds the remaining ${this.buf.length - this.pos} bytes`);
      }
    }
    if (item.bytes > 0 && count > (this.buf.length - this.pos) / item.bytes) {
      this.fail(`block count ${count} exceeds the remaining ${this.buf.length - this.pos} bytes`);
    }
    if (item.cost > 0) this.charge(count * item.cost);
    return count;
  }

  fail(problem: string): never {
    throw new DecodeError(`Cannot decode message of ${this.buf.length} bytes: ${problem}`);
  }

  #truncated(): never {
    return this.fail("it ends in the middle of a value");
  }

  readNull(): null {
    return null;
  }

  skipNull(): void {}

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
    // A few bytes can say that there are a hundred thousand of these.
    if (length === 0) return EMPTY;
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
    if (length === 0) return "";
    const text = this.#readText(this.buf, start, start + length);
    if (text.includes("\ufffd")) this.#mustBeUtf8(start, start + length);
    return text;
  }

  /** Refuses a string that would have other characters than its writer meant. */
  #mustBeUtf8(start: number, end: number): void {
    const at = firstNotUtf8(this.buf.subarray(start, end));
    if (at !== undefined) this.fail(`string is not UTF-8 at its byte ${at}, counted from 0`);
  }

  skipString(): void {
    const length = this.#readLength();
    this.pos += length;
  }
}
