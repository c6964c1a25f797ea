import { UnavailableError } from "../../../src/base/errors.ts";
import type { TextOutput } from "../../../src/host.ts";
import { printable } from "../../../src/base/text/printable.ts";
import { aborted } from "../../../src/base/time/waiting.ts";

export interface QueuedOutputOptions {
  /** To begin a sentence with. */
  readonly name: string;
  /** The stream itself, for what it says of a terminal. */
  readonly stream: { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  /** What may wait for a reader, in characters; more is dropped. @default all, for writers that wait until it is taken */
  readonly maxWaiting?: number;
  /** Writes to it without blocking the thread. Resolves when the system has taken all of the text. */
  take(text: string): Promise<void>;
  /** Called once, with the first error. */
  broken(error: unknown): void;
}

interface Batch {
  text: string;
  readonly taken: PromiseWithResolvers<void>;
}

/** Writes one text after the other, so that a stream without a reader neither blocks the thread nor fills the memory. */
export class QueuedOutput implements TextOutput {
  readonly #options: QueuedOutputOptions;
  #waiting?: Batch;
  #inFlight?: Batch;
  #failure?: UnavailableError;

  constructor(options: QueuedOutputOptions) {
    this.#options = options;
  }

  get isTerminal(): boolean {
    return this.#options.stream.isTTY === true;
  }

  get columns(): number {
    return this.#options.stream.columns ?? 80;
  }

  get rows(): number | undefined {
    return this.#options.stream.rows;
  }

  write(given: string, { raw }: { raw: boolean } = { raw: false }): boolean {
    if (this.#failure !== undefined) return false;
    const text = raw ? given : printable(given);
    const { maxWaiting = Infinity } = this.#options;
    const before = this.#waiting?.text.length ?? 0;
    if (before > 0 && before + text.length > maxWaiting) return false;
    this.#waiting ??= newBatch();
    this.#waiting.text += text;
    if (this.#inFlight === undefined) void this.#takeAll();
    return true;
  }

  async drained(): Promise<void> {
    await (this.#waiting ?? this.#inFlight)?.taken.promise;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #takeAll(): Promise<void> {
    while (this.#waiting !== undefined) {
      const batch = this.#inFlight = this.#waiting;
      this.#waiting = undefined;
      try {
        await this.#options.take(batch.text);
      } catch (error) {
        this.fail(error);
      }
      batch.taken.resolve();
    }
    this.#inFlight = undefined;
  }

  /** Nothing more can be written: what waits and what follows is lost, and its waiters are notified. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    const { name, broken } = this.#options;
    this.#failure = new UnavailableError(`${name} cannot be written`, {
      who: name,
      // It does not come back: what is to be printed is held until the worker stops.
      check: async (signal) => {
        await aborted(signal);
        throw this.#failure;
      },
      cause: error,
    });
    this.#waiting?.taken.resolve();
    this.#waiting = undefined;
    broken(error);
  }
}

function newBatch(): Batch {
  return { text: "", taken: Promise.withResolvers<void>() };
}
