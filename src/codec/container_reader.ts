import { DecodeError } from "./codec.ts";
import { joinChunks } from "../base/data/body_chunks.ts";

/** What an object container file holds. */
export interface ContainerRecords {
  /** The schema as JSON text. */
  readonly schema: string;
  /** Blocks in order: so many records, one after the other in bare Avro. */
  readonly blocks: readonly { readonly count: number; readonly bytes: Uint8Array }[];
}

const MAGIC = [0x4f, 0x62, 0x6a, 1];
const SYNC_BYTES = 16;

export interface ContainerLimits {
  /** Of all blocks together, unpacked. */
  readonly mostBytes: number;
  /** Called between blocks; what it throws ends the reading. @default nothing is done */
  rest?(): Promise<void>;
}

/**
 * Reads an object container file (Avro specification, "Object Container Files") with codec `null` or `deflate`; blocks without records are left out.
 * @throws {DecodeError} saying what is wrong with it.
 */
export async function readAvroContainer(
  file: Uint8Array,
  { mostBytes, rest = () => Promise.resolve() }: ContainerLimits,
): Promise<ContainerRecords> {
  const input = new Input(file);
  if (MAGIC.some((byte) => input.byte() !== byte)) throw bad("it does not begin like one");
  const meta = readMeta(input);
  const schema = meta.get("avro.schema");
  if (schema === undefined) throw bad("it has no schema");
  const codec = meta.get("avro.codec") ?? "null";
  if (codec !== "null" && codec !== "deflate") {
    throw bad(`its codec is ${JSON.stringify(codec)}; use null or deflate`);
  }
  const sync = input.take(SYNC_BYTES);
  const blocks: { count: number; bytes: Uint8Array }[] = [];
  let left = mostBytes;
  while (!input.atEnd) {
    await rest();
    const count = input.long();
    const packed = input.take(input.long());
    if (count < 0) throw bad("a block has a negative count");
    // An empty block need not be unpacked: a small file may have tens of thousands.
    const bytes = codec === "null" || count === 0 ? packed : await inflated(packed, left);
    left -= bytes.length;
    if (left < 0) throw bad(`it holds more than ${mostBytes} bytes`);
    if (count > 0) blocks.push({ count, bytes });
    const mark = input.take(SYNC_BYTES);
    if (mark.some((byte, i) => byte !== sync[i])) throw bad("a block has another mark at its end");
  }
  return { schema, blocks };
}

function readMeta(input: Input): Map<string, string> {
  const meta = new Map<string, string>();
  for (let count = input.long(); count !== 0; count = input.long()) {
    if (count < 0) input.long();
    for (let i = 0; i < Math.abs(count); i++) {
      const name = input.text();
      meta.set(name, input.text());
    }
  }
  return meta;
}

async function inflated(packed: Uint8Array, most: number): Promise<Uint8Array> {
  const stream = new Blob([new Uint8Array(packed)]).stream()
    .pipeThrough(new DecompressionStream("deflate-raw"));
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of chunksOf(stream)) {
      size += chunk.length;
      if (size > most) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw bad("a block cannot be unpacked", error);
  }
  if (size > most) throw bad("it holds too much when it is unpacked");
  return joinChunks(chunks);
}

async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function bad(problem: string, cause?: unknown): DecodeError {
  return new DecodeError(`Cannot read the Avro container file: ${problem}`, { cause });
}

/** Bytes read one after the other. */
class Input {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw bad("it ends too early");
    return byte;
  }

  take(count: number): Uint8Array {
    if (count < 0 || count > this.#bytes.length - this.#at) throw bad("it ends too early");
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  /** Zigzag and seven bits a byte, within what a number holds exactly. */
  long(): number {
    let value = 0;
    for (let factor = 1;; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw bad("a count is too large");
      if (byte < 0x80) break;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  text(): string {
    return new TextDecoder().decode(this.take(this.long()));
  }
}
