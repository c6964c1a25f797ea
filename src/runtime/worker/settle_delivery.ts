import type { Consumer, Delivery } from "../../broker/broker.ts";
import type { RecordValue } from "../../codec/codec.ts";
import { placeOf } from "../../base/error_place.ts";
import { classOf, reasonOf, stackOf, UnavailableError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { growingDelay } from "../../base/time/waiting.ts";
import { AckError } from "../../api/ack_error.ts";
import type { DeadLetters } from "../failures/dead_letters.ts";
import type { ErrorStream } from "../failures/error_stream.ts";
import type { Flight } from "../records/flight.ts";
import type { TaskProgress } from "../progress/task_progress.ts";
import { EndedWorker } from "../calls/ended_worker.ts";
import { usefulTries } from "../failures/useful_tries.ts";
import type { AttemptNotes } from "./attempt_notes.ts";

export interface AcknowledgeOptions {
  task: string;
  consumer: Consumer;
  deadLetters: DeadLetters;
  /** Told of every failed attempt before the input is settled. */
  errorStream?: ErrorStream;
  progress: TaskProgress;
  log: Logger;
  /** After this many tries a message is a dead letter (`max.attempts`). */
  maxAttempts: number;
  /** Where it is noted how attempts end; absent: nowhere. */
  attempts?: Pick<AttemptNotes, "ended" | "handedBack" | "forget">;
  /** Fixed delay before another attempt (`retry.delay.ms`); else 1 s doubling up to `maxDelayMs`. */
  retryDelayMs?: number;
  maxDelayMs: number;
}

const FIRST_DELAY_MS = 1000;

/** Decides what becomes of an input, and settles it. */
export interface Settlement {
  /** Everything that came of the input is stored. */
  done(flight: Flight): void;
  /** The worker stops: any worker may have it at once. */
  handBack(delivery: Delivery): void;
  /** Whether the message was begun too often to be tried once more. */
  isExhausted(flight: Flight): boolean;
  /** An attempt failed. Resolves when it is settled; never rejects. */
  failed(flight: Flight, error: unknown): Promise<void>;
  /** Gives up a message that was delivered too often. Resolves when it is settled; never rejects. */
  bury(flight: Flight, error: string): Promise<void>;
}

/** Decides what becomes of an input, and settles it (DESIGN.md 6, "Errors"). */
export class Acknowledge implements Settlement {
  readonly #options: AcknowledgeOptions;

  constructor(options: AcknowledgeOptions) {
    this.#options = options;
  }

  /** Everything that came of the input is stored. */
  done(flight: Flight): void {
    this.#options.consumer.ack(flight.delivery);
    this.#options.progress.counts.acked++;
    this.#options.attempts?.forget(flight.delivery);
  }

  /** The worker stops: any worker may have it at once. */
  handBack(delivery: Delivery): void {
    this.#options.consumer.nak(delivery);
    this.#options.progress.add("nacked");
    this.#options.attempts?.handedBack(delivery);
  }

  /** Whether the message was begun too often to be tried once more: it may be what ended its earlier workers. */
  isExhausted(flight: Flight): boolean {
    return flight.tries > this.#options.maxAttempts;
  }

  /** An attempt failed. Resolves when it is settled; never rejects. */
  async failed(flight: Flight, error: unknown): Promise<void> {
    const { progress, maxAttempts } = this.#options;
    const log = this.#logOf(flight);
    const { delivery } = flight;
    // Only a worker that stops comes here with it: before that the record waits until the target is back.
    if (error instanceof UnavailableError) return this.handBack(delivery);
    progress.add("errors");
    progress.errorClasses.add(classOf(error));
    if (!await this.#report(flight, error)) return;
    const fields = {
      sequence: delivery.sequence,
      attempt: delivery.attempt,
      record: summaryOf(flight),
      error: reasonOf(error),
      class: classOf(error),
      at: placeOf(error),
    };
    if (error instanceof AckError && this.#asksForAck(error)) {
      log.warning("Record given up by the function", fields);
      this.done(flight);
      return;
    }
    if (flight.tries >= Math.min(maxAttempts, usefulTries(error))) {
      await this.#bury(flight, error);
      return;
    }
    const delayMs = this.#delay(delivery.attempt);
    log.warning(`Record failed and is tried again in ${delayMs} ms`, fields);
    log.debug(stackOf(error) || reasonOf(error));
    await this.#retry(flight, delayMs, error);
  }

  /** Has the message delivered again. An attempt that ended with its worker alive is noted first, so that it does not count as a death. */
  async #retry({ delivery }: Flight, delayMs: number, error?: unknown): Promise<void> {
    const { consumer, progress, attempts } = this.#options;
    if (!(error instanceof EndedWorker)) await attempts?.ended(delivery);
    consumer.nak(delivery, delayMs);
    progress.add("nacked");
  }

  /** A subclass may answer anything: only a plain yes gives a record up. */
  #asksForAck(error: AckError): boolean {
    try {
      return error.shouldAck() === true;
    } catch (reason) {
      const fields = { reason: reasonOf(reason) };
      this.#options.log.warning("Cannot call shouldAck() of an AckError, taken as false", fields);
      return false;
    }
  }

  /** Gives up a message that was delivered too often. Resolves when it is settled; never rejects. */
  async bury(flight: Flight, error: string): Promise<void> {
    if (await this.#report(flight, new Error(error))) await this.#bury(flight, error);
  }

  /** True when the error side stream, if there is one, holds a record of this attempt; else the input was handed back. */
  async #report(flight: Flight, error: unknown): Promise<boolean> {
    const { errorStream } = this.#options;
    if (errorStream === undefined) return true;
    const { delivery } = flight;
    try {
      if (await errorStream.report(flight, error)) return true;
      this.handBack(delivery);
    } catch (reason) {
      this.#logOf(flight).critical("Cannot make an error record; the record stays where it is", {
        sequence: delivery.sequence,
        reason: reasonOf(reason),
      });
      await this.#retry(flight, this.#delay(delivery.attempt), error);
    }
    return false;
  }

  /** Makes the message a dead letter, and acks it once that is stored. Never rejects. */
  async #bury(flight: Flight, cause: unknown): Promise<void> {
    const { task, deadLetters, progress } = this.#options;
    const log = this.#logOf(flight);
    const { delivery } = flight;
    const attempts = delivery.attempt;
    const error = reasonOf(cause);
    try {
      await deadLetters.put(delivery, { task, attempts, error, stack: stackOf(cause) });
    } catch (reason) {
      log.critical("Cannot store a dead letter; the record stays where it is", {
        sequence: delivery.sequence,
        reason: reasonOf(reason),
      });
      await this.#retry(flight, this.#delay(attempts));
      return;
    }
    const record = summaryOf(flight);
    log.error("Record is a dead letter", {
      sequence: delivery.sequence,
      attempts,
      record,
      error,
      class: classOf(cause),
      at: placeOf(cause),
    });
    progress.dead({
      task,
      edge: delivery.subject,
      sequence: delivery.sequence,
      attempts,
      error,
      record,
    });
    delivery.origin?.fail();
    this.done(flight);
  }

  /** Lines about a record name its trace. */
  #logOf({ trace }: Flight): Logger {
    const { log } = this.#options;
    return trace === undefined ? log : log.with({ trace: trace.id });
  }

  #delay(attempt: number): number {
    const { retryDelayMs, maxDelayMs } = this.#options;
    return retryDelayMs ??
      growingDelay(attempt - 1, { first: FIRST_DELAY_MS, longest: maxDelayMs });
  }
}

/** What names a record to a person; undefined if the function has put something into it that cannot be printed. */
function summaryOf({ record }: Flight): string | undefined {
  try {
    return record && summary(record);
  } catch {
    return undefined;
  }
}

function summary(record: RecordValue): string {
  if (typeof record.bucket === "string" && typeof record.key === "string") {
    return `${record.bucket}/${record.key}`;
  }
  if (record.id !== undefined) return `id ${String(record.id)}`;
  const shown = JSON.stringify(record, (_key, value) => {
    if (typeof value === "bigint") return value.toString();
    return value instanceof Uint8Array ? `${value.length} bytes` : value;
  });
  return shown.length > 120 ? shown.slice(0, 119) + "…" : shown;
}
