import type { GetOptions, ObjectInfo, PutOptions, StoredObject } from "../store/store.ts";
import type { TaskStore, UploadOptions } from "../api/task_store.ts";
import { type Handler, moved, type Peer } from "./thread_rpc.ts";

type LentObject = Omit<StoredObject, "body"> & { readonly stream: number };

/** The task's store, seen from the Worker. */
export class RemoteStore implements TaskStore {
  readonly #peer: Peer;

  constructor(peer: Peer, readonly address: string) {
    this.#peer = peer;
  }

  async check(bucket: string, signal?: AbortSignal): Promise<void> {
    await this.#peer.ask("store.check", [bucket], { signal });
  }

  async *list(bucket: string, prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo[]> {
    const listing = await this.#peer.ask("store.list", [bucket, prefix], { signal });
    let ended = false;
    try {
      for (;;) {
        const page = await this.#peer.ask("store.page", [listing], { signal });
        if (page === undefined) break;
        yield page as ObjectInfo[];
      }
      ended = true;
    } finally {
      if (!ended) this.#peer.tell("store.endList", [listing]);
    }
  }

  async get(bucket: string, key: string, options: GetOptions = {}): Promise<StoredObject> {
    const { signal, ifMatch, traceparent } = options;
    const answer = await this.#peer.ask("store.get", [bucket, key, { ifMatch, traceparent }], {
      signal,
    });
    const { stream, ...info } = answer as LentObject;
    const body = this.#peer.borrow(stream);
    // The question is answered: what aborts the reading has to be told to the stream.
    return {
      ...info,
      body: signal === undefined ? body : body.pipeThrough(new TransformStream(), { signal }),
    };
  }

  async put(
    bucket: string,
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options: PutOptions = {},
  ): Promise<{ etag: string }> {
    const { signal, contentType, size, traceparent } = options;
    const given = { contentType, size, traceparent };
    if (body instanceof ReadableStream) {
      const args = [bucket, key, { stream: this.#peer.lend(body) }, given];
      return await this.#peer.ask("store.put", args, { signal }) as { etag: string };
    }
    const { value, buffers } = moved(body);
    const args = [bucket, key, { bytes: value }, given];
    return await this.#peer.ask("store.put", args, { signal, transfer: buffers }) as {
      etag: string;
    };
  }

  async upload(
    path: string,
    bucket: string,
    key: string,
    options: UploadOptions = {},
  ): Promise<{ etag: string }> {
    const { signal, contentType, traceparent } = options;
    const args = [path, bucket, key, { contentType, traceparent }];
    return await this.#peer.ask("store.upload", args, { signal }) as { etag: string };
  }

  async delete(bucket: string, key: string, signal?: AbortSignal): Promise<void> {
    await this.#peer.ask("store.delete", [bucket, key], { signal });
  }

  /** The store is the runtime's, and closed by it. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}

type WireBody = { readonly stream: number } | { readonly bytes: Uint8Array };

/** Answers what a `RemoteStore` asks. Streams and listings that are not read to their end go with the Worker. */
export function storeHandlers(store: () => TaskStore, peer: () => Peer): Record<string, Handler> {
  const listings = new Map<number, AsyncIterator<ObjectInfo[]>>();
  let lastListing = 0;
  return {
    "store.check": ([bucket]: [string], signal) => store().check(bucket, signal),
    "store.list": ([bucket, prefix]: [string, string]) => {
      const id = ++lastListing;
      listings.set(id, store().list(bucket, prefix)[Symbol.asyncIterator]());
      return id;
    },
    "store.page": async ([id]: [number]) => {
      const answer = await listings.get(id)?.next();
      if (answer === undefined || answer.done) listings.delete(id);
      return answer?.value;
    },
    "store.endList": ([id]: [number]) => {
      void listings.get(id)?.return?.().catch(() => {});
      listings.delete(id);
    },
    "store.get": async ([bucket, key, options]: [string, string, GetOptions], signal) => {
      const { body, ...info } = await store().get(bucket, key, { ...options, signal });
      const lent: LentObject = { ...info, stream: peer().lend(body) };
      return lent;
    },
    "store.put": (
      [bucket, key, body, options]: [string, string, WireBody, PutOptions],
      signal,
    ) => {
      const content = "bytes" in body ? body.bytes : peer().borrow(body.stream);
      return store().put(bucket, key, content, { ...options, signal });
    },
    "store.upload": (
      [path, bucket, key, options]: [string, string, string, UploadOptions],
      signal,
    ) => store().upload(path, bucket, key, { ...options, signal }),
    "store.delete": ([bucket, key]: [string, string], signal) =>
      store().delete(bucket, key, signal),
  };
}
