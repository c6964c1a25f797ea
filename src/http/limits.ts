import { bodyChunks, cancelBody, joinChunks } from "../base/data/body_chunks.ts";
import { HttpError } from "./http_error.ts";

/** What one handler takes at most. */
export interface HttpLimits {
  /** Bytes of a body. @default 1048576 */
  bodyBytes?: number;
  /** Time of a request, its body included, ms. @default 30000 */
  requestMs?: number;
  /** Requests at once that change something; more are told to come back. @default 64 */
  concurrent?: number;
}

const BODY_BYTES = 1 << 20;
const REQUEST_MS = 30_000;
const CONCURRENT = 64;
const RETRY_AFTER_S = 1;

/** Holds requests to what the handler takes. */
export class Limits {
  readonly bodyBytes: number;
  readonly requestMs: number;
  readonly #concurrent: number;
  #running = 0;

  constructor(limits: HttpLimits = {}) {
    this.bodyBytes = limits.bodyBytes ?? BODY_BYTES;
    this.requestMs = limits.requestMs ?? REQUEST_MS;
    this.#concurrent = limits.concurrent ?? CONCURRENT;
  }

  /**
   * Works on a request within its time, if there is room for it. The signal is aborted with what is then thrown, whether the work heeds it or not.
   * @param ms Another time.
   * @throws {HttpError} 429 if there is no room, 408 when the time is over.
   */
  async within<T>(
    work: (signal: AbortSignal) => Promise<T>,
    ms: number = this.requestMs,
  ): Promise<T> {
    if (this.#running >= this.#concurrent) {
      throw new HttpError(429, `${this.#running} requests are being worked on`, {
        hint: `try again after ${RETRY_AFTER_S} s, or allow more at once`,
        headers: { "Retry-After": String(RETRY_AFTER_S) },
      });
    }
    this.#running++;
    const time = new AbortController();
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const reason = tooLate(ms);
      time.abort(reason);
      reject(reason);
    }, ms);
    try {
      return await Promise.race([work(time.signal), late]);
    } finally {
      clearTimeout(timer);
      this.#running--;
    }
  }

  /** The body, read as it comes. @throws {HttpError} 413 as soon as it is too large; the signal's reason. */
  async body(request: Request, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const announced = Number(request.headers.get("content-length") ?? 0);
    if (announced > this.bodyBytes) {
      if (request.body !== null) cancelBody(request.body, undefined);
      throw this.#tooLarge();
    }
    if (request.body === null) return new Uint8Array();
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of bodyChunks(request.body, signal)) {
      size += chunk.length;
      if (size > this.bodyBytes) throw this.#tooLarge();
      chunks.push(chunk);
    }
    return joinChunks(chunks);
  }

  #tooLarge(): HttpError {
    return new HttpError(413, `The body is larger than ${this.bodyBytes} bytes`, {
      hint: "send fewer records at once, or allow larger bodies",
    });
  }
}

function tooLate(ms: number): HttpError {
  return new HttpError(408, `The request took longer than ${ms} ms`, {
    hint: "send less at once, or allow more time; what was begun may still be finished",
  });
}
