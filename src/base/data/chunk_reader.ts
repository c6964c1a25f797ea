/** A chunk of a body, or its end. */
export type Chunk =
  | { readonly done: false; readonly value: Uint8Array }
  | { readonly done: true; readonly value?: undefined };

/** Reads a body. */
export interface ChunkReader {
  /** @param most Bytes that are still expected. Where the platform can, memory is taken for no more; a chunk may be larger nevertheless. */
  read(most: number): Promise<Chunk>;
}

/** Bytes taken for a chunk of a large body. */
const CHUNK_SIZE = 64 * 1024;
const NO_CHUNK: Chunk = { done: true };

/**
 * A reader of the body of an answer. A byte stream, as Deno has it, takes 64 KiB for each chunk, however small that is, unless its reader brings the memory: with many small
 * objects that is more than all other memory of a worker.
 */
export function chunkReader(body: ReadableStream<Uint8Array> | null): ChunkReader {
  if (body === null) return { read: () => Promise.resolve(NO_CHUNK) };
  const reader = bytesReader(body);
  if (reader === undefined) {
    const chunks = body.getReader();
    return { read: async () => chunkOf(await chunks.read()) };
  }
  return {
    // One more than expected, so that a body that is too long is noticed.
    read: async (most) =>
      chunkOf(await reader.read(new Uint8Array(Math.min(CHUNK_SIZE, Math.max(most, 0) + 1)))),
  };
}

/** Undefined for a stream that is none of bytes, as Bun's are. */
function bytesReader(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: "byob" });
  } catch {
    return undefined;
  }
}

function chunkOf({ done, value }: { done: boolean; value?: Uint8Array }): Chunk {
  return done || value === undefined ? NO_CHUNK : { done: false, value };
}
