import { bodyChunks } from "../../base/data/body_chunks.ts";
import { reasonOf } from "../../base/errors.ts";
import type { S3Client, S3Request } from "./request.ts";
import { completeUploadXml, parseCompletedEtag, parseUploadId, unquoted } from "./xml.ts";
import type { PutOptions } from "../store.ts";
import { type StoreCall, storeError } from "../store_failure.ts";

const MAX_PARTS = 10_000;
const MARK = "x-amz-meta-kflow-upload";

export interface UploadOptions extends PutOptions {
  /** Bytes held at once. A body that fits in one part is sent as a whole. */
  partSize: number;
}

/**
 * Stores a body, one part in memory at a time: a small one by a single PUT, a larger one as a multipart upload that is removed
 * when anything fails.
 */
export async function upload(
  client: S3Client,
  call: StoreCall,
  source: { body: Uint8Array | ReadableStream<Uint8Array>; options: UploadOptions },
): Promise<{ etag: string }> {
  const { body, options } = source;
  const { signal, size = 0 } = options;
  const partSize = Math.max(options.partSize, Math.ceil(size / MAX_PARTS));
  const headers: Record<string, string> = {};
  if (options.contentType) headers["content-type"] = options.contentType;

  let upload: MultipartUpload | undefined;
  try {
    for await (const { bytes, last } of parts(body, { partSize, signal })) {
      if (!upload && last) {
        const request: S3Request = { call, method: "PUT", headers, body: bytes, signal };
        const { headers: answer } = await client.text(request);
        return { etag: unquoted(answer.get("etag") ?? "") };
      }
      upload ??= await beginUpload(client, { call, signal, headers });
      await upload.send(bytes);
      if (last) return await upload.complete();
    }
    throw new RangeError("A body has no last part");
  } catch (error) {
    await upload?.remove();
    throw error;
  }
}

interface UploadStart {
  readonly call: StoreCall;
  readonly signal?: AbortSignal;
  readonly headers: Readonly<Record<string, string>>;
}

async function beginUpload(client: S3Client, start: UploadStart): Promise<MultipartUpload> {
  const { call, signal } = start;
  const mark = crypto.randomUUID();
  const headers = { ...start.headers, [MARK]: mark };
  const query = { uploads: "" };
  const { text } = await client.text({ call, signal, method: "POST", query, headers });
  const id = understood(call, () => parseUploadId(text));
  return new MultipartUpload(client, { call, signal, id, mark });
}

class MultipartUpload {
  readonly #client: S3Client;
  readonly #request: { readonly call: StoreCall; readonly signal?: AbortSignal };
  readonly #id: string;
  /** Kept with the object as metadata: it tells whose upload made it. */
  readonly #mark: string;
  readonly #etags: string[] = [];
  #size = 0;

  constructor(
    client: S3Client,
    options: { call: StoreCall; signal?: AbortSignal; id: string; mark: string },
  ) {
    const { call, signal, id, mark } = options;
    this.#client = client;
    this.#request = { call, signal };
    this.#id = id;
    this.#mark = mark;
  }

  async send(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const partNumber = this.#etags.length + 1;
    if (partNumber > MAX_PARTS) {
      const reason = `its body has more than ${MAX_PARTS} parts; announce its size`;
      throw storeError(this.#request.call, { kind: "unavailable", reason });
    }
    const query = { partNumber: `${partNumber}`, uploadId: this.#id };
    const request: S3Request = { ...this.#request, method: "PUT", query, body: bytes };
    const { headers } = await this.#client.text(request);
    this.#etags.push(unquoted(headers.get("etag") ?? ""));
    this.#size += bytes.length;
  }

  async complete(): Promise<{ etag: string }> {
    const body = new TextEncoder().encode(completeUploadXml(this.#etags));
    const query = { uploadId: this.#id };
    const headers = { "content-type": "application/xml" };
    const request: S3Request = { ...this.#request, method: "POST", query, headers, body };
    try {
      const { text } = await this.#client.text(request);
      return { etag: understood(request.call, () => parseCompletedEtag(text)) };
    } catch (error) {
      // The answer to an earlier try may have been lost; then the upload is done, and the object carries its mark.
      const stored = await this.#stored();
      if (stored) return stored;
      throw error;
    }
  }

  async #stored(): Promise<{ etag: string } | undefined> {
    try {
      const { headers } = await this.#client.text({ ...this.#request, method: "HEAD" });
      const same = headers.get(MARK) === this.#mark &&
        headers.get("content-length") === `${this.#size}`;
      return same ? { etag: unquoted(headers.get("etag") ?? "") } : undefined;
    } catch {
      // The error of the upload itself says more.
      return undefined;
    }
  }

  /** Without the caller's signal: after an abort there is still to be cleaned up. */
  async remove(): Promise<void> {
    const { call } = this.#request;
    try {
      await this.#client.text({ call, method: "DELETE", query: { uploadId: this.#id } });
    } catch {
      // The error that led here is the one to tell. What a server keeps of an unfinished upload, its life-cycle rules remove.
    }
  }
}

/** Pieces of exactly `partSize`, the last one excepted; an empty body is one empty piece. Each holds only until the next is asked for: they share their memory. */
async function* parts(
  body: Uint8Array | ReadableStream<Uint8Array>,
  options: { partSize: number; signal?: AbortSignal },
): AsyncGenerator<{ bytes: Uint8Array<ArrayBuffer>; last: boolean }> {
  const { partSize, signal } = options;
  let part = new Uint8Array(0);
  let size = 0;
  for await (const chunk of bodyChunks(body, signal)) {
    for (let taken = 0; taken < chunk.length;) {
      // A full part goes out only when there is more: it might have been the last one.
      if (size === partSize) {
        yield { bytes: part, last: false };
        size = 0;
      }
      const some = chunk.subarray(taken, taken + partSize - size);
      if (size + some.length > part.length) {
        const larger = new Uint8Array(Math.min(partSize, Math.max(2 * size, size + some.length)));
        larger.set(part.subarray(0, size));
        part = larger;
      }
      part.set(some, size);
      size += some.length;
      taken += some.length;
    }
  }
  yield { bytes: part.subarray(0, size), last: true };
}

function understood<T>(call: StoreCall, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw storeError(call, { kind: "unavailable", reason: reasonOf(cause), cause });
  }
}
