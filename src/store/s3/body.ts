import { chunkReader } from "../../base/data/chunk_reader.ts";
import { S3Failure } from "./failure.ts";
import type { OpenAnswer, S3Client, S3Request } from "./request.ts";
import type { StoreError } from "../store.ts";
import { storeError } from "../store_failure.ts";

/** So many times in a row a connection may break that brought less than the progress expected of it. */
const BREAKS = 3;
const PROGRESS = 1024 * 1024;

/**
 * The content of an object, read from the server only as fast as it is asked for. When the connection breaks, stalls or ends early,
 * the rest is asked for again, of the same version of the object; the reader notices nothing.
 */
export function s3Body(
  client: S3Client,
  request: S3Request,
  found: { answer: OpenAnswer; size: number; etag: string },
): ReadableStream<Uint8Array> {
  const { size, etag } = found;
  const { idleMs } = client.timing;
  let { response, attempt } = found.answer;
  let reader = chunkReader(response.body);
  let got = 0;
  let breaks = 0;
  let start = 0;
  let watchAbort = () => {};

  function wrong(reason: string): StoreError {
    return storeError(request.call, { kind: "unavailable", reason });
  }

  /** The next chunk, undefined at the end. @throws {S3Failure} when the rest should be asked for again. */
  async function next(): Promise<Uint8Array | undefined> {
    try {
      const part = await attempt.wait(idleMs, () => reader.read(size - got));
      if (!part.done) return part.value;
    } catch (error) {
      throw client.failureOf(error, request.signal);
    }
    if (got === size) return undefined;
    const message = `the content ends after ${got} of ${size} bytes`;
    throw new S3Failure(message, { kind: "unavailable", retry: true });
  }

  async function resume(failure: S3Failure): Promise<void> {
    attempt.end();
    if (got - start >= PROGRESS) breaks = 0;
    start = got;
    if (++breaks > BREAKS || !failure.retry) throw failure.toStoreError(request.call, breaks);
    // Without a validator the rest might be that of another object.
    if (etag === "") throw failure.toStoreError(request.call, 1);
    const headers = { ...request.headers, "if-match": `"${etag}"`, range: `bytes=${got}-` };
    ({ response, attempt } = await client.open({ ...request, headers }));
    const range = response.headers.get("content-range");
    if (response.status !== 206 || !range?.startsWith(`bytes ${got}-`)) {
      attempt.end();
      throw failure.toStoreError(request.call, breaks);
    }
    attempt.allow(client.transferMs(size - got));
    reader = chunkReader(response.body);
  }

  async function pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (;;) {
      let chunk: Uint8Array | undefined;
      try {
        chunk = await next();
      } catch (error) {
        if (!(error instanceof S3Failure)) throw error;
        await resume(error);
        continue;
      }
      if (chunk === undefined) {
        finish();
        return controller.close();
      }
      got += chunk.length;
      if (got > size) throw wrong(`the content has more than the ${size} bytes announced`);
      if (chunk.length === 0) continue;
      return controller.enqueue(chunk);
    }
  }

  function finish(): void {
    request.signal?.removeEventListener("abort", watchAbort);
    attempt.end();
  }

  attempt.allow(client.transferMs(size));
  return new ReadableStream<Uint8Array>({
    start(controller) {
      // Nobody may be pulling when the caller gives up.
      watchAbort = () => {
        controller.error(request.signal?.reason);
        finish();
      };
      request.signal?.addEventListener("abort", watchAbort, { once: true });
    },
    async pull(controller) {
      try {
        await pull(controller);
      } catch (error) {
        finish();
        throw error;
      }
    },
    cancel: finish,
  }, { highWaterMark: 0 });
}
