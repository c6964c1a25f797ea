const CHUNK = 65_536;

/** So many bytes of which no two chunks are alike, made as they are asked for. */
export function randomContent(size: number): ReadableStream<Uint8Array> {
  const noise = crypto.getRandomValues(new Uint8Array(CHUNK));
  let made = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (made === size) return controller.close();
      const chunk = noise.slice(0, Math.min(CHUNK, size - made));
      new DataView(chunk.buffer).setFloat64(0, made);
      made += chunk.length;
      controller.enqueue(chunk);
    },
  }, { highWaterMark: 0 });
}
