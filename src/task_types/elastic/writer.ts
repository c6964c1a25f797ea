import { joinChunks } from "../../base/data/body_chunks.ts";
import { RejectedError, UnavailableError } from "../../base/errors.ts";
import { aborted, growingDelay, waitAtMost } from "../../base/time/waiting.ts";
import type { ItemAnswer } from "./answer.ts";
import type { BulkAnswer, ElasticClient } from "./client.ts";
import { ElasticFailure } from "./failure.ts";

/** What one request may have: Elasticsearch advises 5 to 15 MiB, and takes 100 unless it is told otherwise. */
const MAX_BYTES = 8 << 20;
const MAX_DOCUMENTS = 5000;
/** Requests that keep failing are made smaller, and not smaller than this. */
const LEAST_BYTES = 1024;
const BARRED_HINT =
  "check that the index exists or may be created and takes documents of this kind, and the right to write to it";
/** A server that asks for more patience than this is asked again all the same. */
const LONGEST_PAUSE_MS = 10 * 60_000;

/** One document, ready to be sent. */
export interface ElasticDocument {
  readonly id: string;
  /** Its two lines of NDJSON: what to do, and the document. */
  readonly lines: Uint8Array;
  readonly traceparent?: string;
}

export interface ElasticWriterOptions {
  client: ElasticClient;
  /** For messages. */
  index: string;
  /** Whether a document replaces an older one with its id. */
  replaces: boolean;
  /** How long documents that the server is too busy for are sent again, ms. */
  patienceMs: number;
  /** First wait before that; doubles each time up to `longest`, and a random half of it is left out. Ms. */
  backoff: { first: number; longest: number };
  /** First pause after a whole request failed; doubles likewise. Ms. */
  pause: { first: number; longest: number };
}

/** Documents by the error that they failed with. */
type Failures = Map<ElasticDocument, Error>;

/** Writes documents, again where that may help. */
export class ElasticWriter {
  readonly #options: ElasticWriterOptions;
  /** Bytes that the server takes in one request, as far as is known. */
  #limitBytes = MAX_BYTES;
  /** Bytes of one request now. */
  #mostBytes = MAX_BYTES;
  /** Pauses since a request was answered as it should. */
  #pauses = 0;
  #pausedUntil = 0;

  constructor(options: ElasticWriterOptions) {
    this.#options = options;
  }

  /**
   * Resolves once each document is written or has failed by itself; gives those that have failed.
   * @throws {UnavailableError} if the server cannot be written to as a whole: some may be written, and all are to be given again.
   */
  async write(documents: readonly ElasticDocument[], signal: AbortSignal): Promise<Failures> {
    const failures: Failures = new Map();
    let at = 0;
    while (at < documents.length) {
      const part = this.#partAt(documents, at);
      at += part.length;
      await this.#writePart(part, failures, signal);
    }
    return failures;
  }

  /** As many documents as go into one request, one at least. */
  #partAt(documents: readonly ElasticDocument[], start: number): readonly ElasticDocument[] {
    let end = start;
    let size = 0;
    while (end < documents.length && end - start < MAX_DOCUMENTS) {
      size += documents[end]!.lines.length;
      if (size > this.#mostBytes && end > start) break;
      end++;
    }
    return documents.slice(start, end);
  }

  async #writePart(
    part: readonly ElasticDocument[],
    failures: Failures,
    signal: AbortSignal,
  ): Promise<void> {
    const { patienceMs, backoff } = this.#options;
    const started = performance.now();
    const refused = new Map<ElasticDocument, ItemAnswer>();
    let settled = 0;
    let sent = part;
    for (let tried = 0;; tried++) {
      const answer = await this.#send(sent, signal);
      if (answer.kind !== "items") {
        for (const document of sent) refused.delete(document);
        await this.#halve(sent, answer, failures, signal);
        settled = sent.length;
        break;
      }
      const again = this.#judge(sent, answer.items, refused, failures);
      settled = part.length - refused.size;
      if (again.length === 0) break;
      sent = again;
      const delay = growingDelay(tried, backoff) * (1 - Math.random() / 2);
      if (performance.now() - started + delay > patienceMs) break;
      await waitAtMost(aborted(signal), delay);
      signal.throwIfAborted();
    }
    const left = [...refused];
    if (settled === 0 && isOfTarget(left.map(([, item]) => item))) {
      throw this.#unavailable(this.#error(hinted(left[0]![1])));
    }
    this.#answered();
    for (const [document, item] of left) failures.set(document, this.#failure(item));
  }

  /** What a document fails with. One that waits for its shard, say, is held by itself while others go on. */
  #failure(item: ItemAnswer): Error {
    const error = this.#error(hinted(item));
    if (item.verdict === "disputed") return new RejectedError(error.message);
    return item.verdict === "broken" ? error : this.#unavailable(error);
  }

  /** Notes what became of each document. Gives those that are to be sent again. */
  #judge(
    sent: readonly ElasticDocument[],
    items: readonly ItemAnswer[],
    refused: Map<ElasticDocument, ItemAnswer>,
    failures: Failures,
  ): ElasticDocument[] {
    const again: ElasticDocument[] = [];
    const ids = new Set<string>();
    for (const [index, document] of sent.entries()) {
      const item = items[index]!;
      refused.delete(document);
      if (item.verdict === "written") {
        // What replaces a document that comes again has to come after it again.
        if (this.#options.replaces && ids.has(document.id)) again.push(document);
      } else if (item.verdict === "rejected") {
        failures.set(document, new RejectedError(this.#error(item.reason).message));
      } else {
        refused.set(document, item);
        if (item.verdict === "barred" || item.verdict === "disputed") continue;
        ids.add(document.id);
        again.push(document);
      }
    }
    return again;
  }

  /** A request that was not taken as it is: what is in it is sent in smaller ones, until it shows which document it was. */
  async #halve(
    part: readonly ElasticDocument[],
    { kind, reason }: BulkAnswer & { reason: string },
    failures: Failures,
    signal: AbortSignal,
  ): Promise<void> {
    const tooLarge = kind === "too-large";
    const size = sizeOf(part);
    if (part.length === 1) {
      const [document] = part;
      const said = tooLarge
        ? `its ${size} bytes are more than the server takes at once: ${reason}; make the record smaller or raise http.max_content_length`
        : reason;
      failures.set(document!, new RejectedError(this.#error(said).message));
      return;
    }
    if (tooLarge) this.#limitBytes = Math.min(this.#limitBytes, Math.ceil(size / 2));
    this.#answered();
    const middle = Math.ceil(part.length / 2);
    await this.#writePart(part.slice(0, middle), failures, signal);
    await this.#writePart(part.slice(middle), failures, signal);
  }

  async #send(part: readonly ElasticDocument[], signal: AbortSignal): Promise<BulkAnswer> {
    try {
      const lines = joinChunks(part.map(({ lines }) => lines));
      // A request with many documents belongs to no trace alone.
      const traceparent = part.length === 1 ? part[0]!.traceparent : undefined;
      return await this.#options.client.bulk(lines, part.length, { signal, traceparent });
    } catch (error) {
      if (!(error instanceof ElasticFailure)) throw error;
      // What fails again and again may be too much for the time an answer may take, or for something on the way that breaks connections instead of answering 413.
      if (this.#pauses > 0 && performance.now() >= this.#pausedUntil) {
        const size = Math.min(this.#mostBytes, sizeOf(part));
        this.#mostBytes = Math.max(LEAST_BYTES, Math.ceil(size / 2));
      }
      throw this.#unavailable(error);
    }
  }

  #answered(): void {
    this.#pauses = 0;
    this.#mostBytes = Math.min(this.#limitBytes, this.#mostBytes * 2);
  }

  /**
   * The server as a whole. It is given a pause before it is asked anything again, since one that is overloaded, or that takes no documents, may well answer that it is
   * there; and so no attempt of a record is used up.
   */
  #unavailable(cause: Error): UnavailableError {
    const { client, index, pause } = this.#options;
    const asked = cause instanceof ElasticFailure ? cause.retryAfterMs ?? 0 : 0;
    const now = performance.now();
    // Of several requests at once each fails: that is one pause.
    const own = now < this.#pausedUntil
      ? 0
      : growingDelay(this.#pauses++, pause) * (1 - Math.random() / 2);
    const until = Math.max(
      this.#pausedUntil,
      now + Math.min(Math.max(asked, own), LONGEST_PAUSE_MS),
    );
    this.#pausedUntil = until;
    const message = cause instanceof ElasticFailure
      ? `Cannot write to index ${JSON.stringify(index)} at ${cause.message}`
      : cause.message;
    return new UnavailableError(message, {
      who: `The server of index ${JSON.stringify(index)}`,
      cause,
      async check(signal) {
        if (performance.now() < until) throw new Error("It is given a pause");
        await client.check(signal);
      },
    });
  }

  #error(reason: string): Error {
    const { client, index } = this.#options;
    return new Error(
      `Cannot write to index ${JSON.stringify(index)} at ${client.address}: ${reason}`,
    );
  }
}

/** Whether the same answer to everything that was sent is the target's fault: no record is to pay for that. */
function isOfTarget(items: readonly ItemAnswer[]): boolean {
  const [first] = items;
  const areSame = items.every(({ verdict, type }) =>
    verdict === first?.verdict && (verdict !== "disputed" || type === first.type)
  );
  if (!areSame) return false;
  // A single document does not show whether another one would have been accepted.
  return first?.verdict === "barred" || first?.verdict === "busy" || items.length > 1;
}

function hinted({ verdict, reason }: ItemAnswer): string {
  return verdict === "barred" ? `${reason}; ${BARRED_HINT}` : reason;
}

function sizeOf(documents: readonly ElasticDocument[]): number {
  return documents.reduce((sum, { lines }) => sum + lines.length, 0);
}
