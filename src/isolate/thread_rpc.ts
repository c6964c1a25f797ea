import { reasonOf } from "../base/errors.ts";
import { fromWire, toWire, type WireError } from "./wire_error.ts";

/** What the two threads of a task send each other. */
export type Message =
  | { readonly kind: "ask"; readonly id: number; readonly method: string; readonly args: unknown[] }
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly error: WireError }
  | { readonly kind: "cancel"; readonly id: number; readonly reason: WireError }
  | { readonly kind: "return"; readonly id: number; readonly reason: WireError }
  | { readonly kind: "tell"; readonly method: string; readonly args: unknown[] };

export type Post = (message: Message, transfer?: readonly ArrayBuffer[]) => void;

/** Answers what the other side asks and hears what it tells. `signal` is aborted when the asker does not want the answer any more. */
export type Handler = (args: never, signal: AbortSignal) => unknown;

/** A value with buffers that move to the other side instead of being copied. */
export class Moved<T = unknown> {
  constructor(readonly value: T, readonly buffers: readonly ArrayBuffer[]) {}
}

interface Question {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One end of the conversation between two threads: questions with answers, and statements without. Messages are heard in the order they were
 * sent, and a handler begins in that order. Streams are lent: the other side pulls their chunks one at a time, because Bun cannot transfer a stream.
 */
export class Peer {
  readonly #post: Post;
  readonly #handlers: Readonly<Record<string, Handler>>;
  readonly #questions = new Map<number, Question>();
  readonly #answering = new Map<number, AbortController>();
  readonly #lent = new Map<number, ReadableStreamDefaultReader<Uint8Array>>();
  #lastId = 0;
  #failure?: { readonly error: unknown };

  constructor(post: Post, handlers: Readonly<Record<string, Handler>>) {
    this.#post = post;
    this.#handlers = handlers;
  }

  /** Rejects with what the other side threw, with the signal's reason, or with the reason of `fail`. */
  ask(
    method: string,
    args: unknown[],
    options: { signal?: AbortSignal; transfer?: readonly ArrayBuffer[] } = {},
  ): Promise<unknown> {
    const { signal, transfer } = options;
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    try {
      this.#post({ kind: "ask", id, method, args }, transfer);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#questions.set(id, { resolve, reject });
    if (signal === undefined) return promise;
    const cancel = () => {
      if (!this.#questions.delete(id)) return;
      reject(signal.reason);
      this.#post({ kind: "cancel", id, reason: toWire(signal.reason) });
    };
    signal.addEventListener("abort", cancel, { once: true });
    return promise.finally(() => signal.removeEventListener("abort", cancel));
  }

  tell(method: string, args: unknown[]): void {
    if (this.#failure === undefined) this.#post({ kind: "tell", method, args });
  }

  /** Takes what the other side has posted. */
  receive(message: Message): void {
    switch (message.kind) {
      case "ask":
        return void this.#answer(message.id, message.method, message.args);
      case "tell":
        return void this.#handlers[message.method]?.(message.args as never, NEVER);
      case "cancel":
        return this.#answering.get(message.id)?.abort(fromWire(message.reason));
      case "return":
        return this.#takeBack(message.id, message.reason);
    }
    const question = this.#questions.get(message.id);
    this.#questions.delete(message.id);
    if (message.kind === "answer") question?.resolve(message.value);
    else question?.reject(fromWire(message.error));
  }

  /** The other side is gone: all questions, also later ones, are rejected, and what it had asked for is given up. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    for (const { reject } of this.#questions.values()) reject(error);
    this.#questions.clear();
    for (const controller of this.#answering.values()) controller.abort(error);
    for (const reader of this.#lent.values()) void reader.cancel(error).catch(() => {});
    this.#lent.clear();
  }

  /** Gives a stream to the other side, which borrows it by this number. It has to be read to its end or cancelled there. */
  lend(stream: ReadableStream<Uint8Array>): number {
    const id = ++this.#lastId;
    this.#lent.set(id, stream.getReader());
    return id;
  }

  borrow(id: number): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const chunk = await this.ask("pull", [id]);
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk as Uint8Array);
      },
      cancel: (reason) => {
        if (this.#failure === undefined) {
          this.#post({ kind: "return", id, reason: toWire(reason) });
        }
      },
    }, { highWaterMark: 0 });
  }

  async #answer(id: number, method: string, args: unknown[]): Promise<void> {
    const controller = new AbortController();
    this.#answering.set(id, controller);
    try {
      const value = await this.#handle(method, args, controller.signal);
      if (this.#failure !== undefined) return;
      if (value instanceof Moved) {
        this.#post({ kind: "answer", id, value: value.value }, value.buffers);
      } else this.#post({ kind: "answer", id, value });
    } catch (error) {
      if (this.#failure === undefined) {
        this.#post({ kind: "failure", id, error: toWire(uncloneable(error, method)) });
      }
    } finally {
      this.#answering.delete(id);
    }
  }

  #handle(method: string, args: unknown[], signal: AbortSignal): unknown {
    if (method === "pull") return this.#pull(args[0] as number);
    const handler = this.#handlers[method];
    if (handler === undefined) throw new TypeError(`There is no method "${method}"`);
    return handler(args as never, signal);
  }

  async #pull(id: number): Promise<unknown> {
    const reader = this.#lent.get(id);
    if (reader === undefined) throw new TypeError("The stream is not there any more");
    try {
      const { done, value } = await reader.read();
      if (!done) return moved(value);
    } catch (error) {
      this.#lent.delete(id);
      throw error;
    }
    this.#lent.delete(id);
    return undefined;
  }

  /** The borrower does not want the rest of a stream. */
  #takeBack(id: number, reason: WireError): void {
    const reader = this.#lent.get(id);
    this.#lent.delete(id);
    void reader?.cancel(fromWire(reason)).catch(() => {});
  }
}

const NEVER = new AbortController().signal;

/** Bytes in memory of their own, to be moved: a view would take all of its buffer along, which others may use. */
export function moved(bytes: Uint8Array): Moved<Uint8Array> {
  const own = new Uint8Array(bytes);
  return new Moved(own, [own.buffer]);
}

/** What a thread cannot send is told by the platform in words that do not say of what. */
function uncloneable(error: unknown, method: string): unknown {
  if (!(error instanceof DOMException) || error.name !== "DataCloneError") return error;
  return new TypeError(
    `Cannot send the answer of ${method}() to another thread: ${
      reasonOf(error)
    }; return plain records`,
    { cause: error },
  );
}
