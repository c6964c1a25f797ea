/** Content to be stored: whole, or as a stream that is read once. */
export type Body = Uint8Array | ReadableStream<Uint8Array>;

/**
 * The chunks of a body, one at a time and none ahead. Leaving early, an abort included, cancels a stream body, so that whoever
 * produces it stops.
 * @throws the reason of the signal, or the body's own error.
 */
export async function* bodyChunks(
  body: Body,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  if (body instanceof Uint8Array) {
    signal?.throwIfAborted();
    yield body;
    return;
  }
  const reader = body.getReader();
  const cancel = () => {
    // A body that never answers must not hold the failure up, and one that fails here has ended all the same.
    reader.cancel(signal?.reason).catch(() => {});
  };
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal?.removeEventListener("abort", cancel);
    cancel();
  }
}

/** Cancels a body that nobody has begun to read. */
export function cancelBody(body: Body, reason: unknown): void {
  if (body instanceof ReadableStream && !body.locked) body.cancel(reason).catch(() => {});
}

/** One array of all parts. */
export function joinChunks(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
