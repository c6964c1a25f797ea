export interface ExactBodyOptions {
  /** The bytes that must come; undefined: any number. */
  size: number | undefined;
  /** Ends the stream with its reason, also while it waits. */
  signal?: AbortSignal;
  /** The error for a body of another size; `got` is what had come when that was clear. */
  wrongSize: (got: number) => Error;
  /** The error for an error of the body. */
  failed: (cause: unknown) => Error;
}

/** A body that ends well only if it has the expected size. It reads nothing ahead. */
export function exactBody(
  body: ReadableStream<Uint8Array>,
  options: ExactBodyOptions,
): ReadableStream<Uint8Array> {
  const { size, signal, wrongSize, failed } = options;
  const reader = body.getReader();
  let got = 0;
  let abort = () => {};
  const leave = (reason: unknown) => {
    signal?.removeEventListener("abort", abort);
    // The reason is already on its way to the reader of this stream.
    reader.cancel(reason).catch(() => {});
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      abort = () => {
        controller.error(signal?.reason);
        leave(signal?.reason);
      };
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort, { once: true });
    },
    async pull(controller) {
      const { done, value } = await reader.read().catch((cause) => {
        leave(cause);
        throw signal?.aborted ? signal.reason : failed(cause);
      });
      if (signal?.aborted) return;
      got += value?.length ?? 0;
      if (size !== undefined && (got > size || (done && got < size))) {
        const error = wrongSize(got);
        leave(error);
        throw error;
      }
      if (!done) return controller.enqueue(value);
      leave(undefined);
      controller.close();
    },
    cancel: leave,
  }, { highWaterMark: 0 });
}
