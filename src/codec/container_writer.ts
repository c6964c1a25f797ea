import { joinChunks } from "../base/data/body_chunks.ts";

/** Records of one schema, each as bare Avro. */
export interface ContainerContent {
  /** The schema as JSON text. */
  readonly schema: string;
  readonly bodies: readonly Uint8Array[];
  /** 16 bytes between the blocks. */
  readonly sync: Uint8Array;
}

const MAGIC = new Uint8Array([0x4f, 0x62, 0x6a, 1]);
/** A reader holds one block at a time. */
const BLOCK_BYTES = 64 * 1024;

/** An object container file, not compressed (Avro specification, "Object Container Files"). */
export function avroContainer({ schema, bodies, sync }: ContainerContent): Uint8Array<ArrayBuffer> {
  if (sync.length !== 16) throw new RangeError(`Cannot use ${sync.length} bytes as sync marker`);
  const parts: Uint8Array[] = [
    MAGIC,
    // A map of two entries, in one block, and its end.
    long(2),
    ...text("avro.schema"),
    ...text(schema),
    ...text("avro.codec"),
    ...text("null"),
    long(0),
    sync,
  ];
  for (let start = 0; start < bodies.length;) {
    let size = 0;
    let end = start;
    while (end < bodies.length && (end === start || size + bodies[end]!.length <= BLOCK_BYTES)) {
      size += bodies[end++]!.length;
    }
    parts.push(long(end - start), long(size), ...bodies.slice(start, end), sync);
    start = end;
  }
  return joinChunks(parts);
}

/** Zigzag and seven bits a byte. @param value Not negative, below 2^52. */
function long(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push(rest % 128 | 0x80);
  bytes.push(rest);
  return new Uint8Array(bytes);
}

function text(value: string): Uint8Array[] {
  const bytes = new TextEncoder().encode(value);
  return [long(bytes.length), bytes];
}
