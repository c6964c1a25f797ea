import type { Delivery, Headers } from "../../broker/broker.ts";
import type { ErrorRecord } from "../../runtime/failures/error_record.ts";
import { SCHEMA_HEADER } from "../../runtime/records/schemas.ts";
import type { Trace } from "../../runtime/records/trace.ts";

/** A record that somebody waits for. */
export interface CallInput {
  /** Names the record for good, as the id of a message does. */
  readonly id: string;
  /** Bare Avro. */
  readonly body: Uint8Array;
  /** Fingerprint of the schema that it is written with. */
  readonly fingerprint: string;
  /** Of the edge that it would have come by. */
  readonly subject: string;
  /** The trace that the call belongs to. */
  readonly trace?: Trace | undefined;
}

/** A record that the function gave. */
export interface CallOutput {
  readonly subject: string;
  readonly fingerprint: string;
  readonly body: Uint8Array;
}

export interface CallFailure {
  readonly record: ErrorRecord;
  /** Whether the function gave the record up with an `AckError`: the same call again will not help. */
  readonly givenUp: boolean;
}

/** What became of a record. */
export interface CallOutcome {
  /** What the function had sent when it failed stays with it, as on an edge. */
  readonly outputs: readonly CallOutput[];
  /** Absent if all went well. */
  readonly failure?: CallFailure;
}

/** One record of a call on its way through a worker, and the delivery that the worker sees. */
export class CallJob implements Delivery {
  readonly subject: string;
  readonly id: string;
  readonly body: Uint8Array;
  readonly sequence: number;
  readonly timestamp: string;
  readonly attempt = 1;
  receivedAt = 0;
  readonly outputs: CallOutput[] = [];
  readonly outcome: Promise<CallOutcome>;
  readonly #headers: Headers;
  readonly #settle: (outcome: CallOutcome) => void;
  readonly #reject: (error: unknown) => void;
  #isSettled = false;

  constructor(input: CallInput, sequence: number) {
    this.subject = input.subject;
    this.id = input.id;
    this.body = input.body;
    this.sequence = sequence;
    this.timestamp = `${Date.now()}000000`;
    const headers = { [SCHEMA_HEADER]: input.fingerprint };
    this.#headers = input.trace?.on(headers) ?? headers;
    const { promise, resolve, reject } = Promise.withResolvers<CallOutcome>();
    this.outcome = promise;
    this.#settle = resolve;
    this.#reject = reject;
    // Whoever waits for it may have gone.
    promise.catch(() => {});
  }

  /** Whether nobody waits for it, or nobody needs to any more. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  header(name: string): string | undefined {
    return this.#headers[name];
  }

  headers(): Record<string, string> {
    return { ...this.#headers };
  }

  settle(failure?: CallFailure): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#settle({ outputs: this.outputs, ...(failure !== undefined && { failure }) });
  }

  /** Nothing is known of what became of it. */
  abandon(error: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#reject(error);
  }
}
