import type { Delivery, OutMessage } from "../broker/broker.ts";
import type { RecordSchema, RecordValue } from "../codec/codec.ts";
import type { DeadLetters } from "../runtime/failures/dead_letters.ts";
import type { DeathNotice } from "../runtime/failures/death_notice.ts";
import type { ErrorRecord } from "../runtime/failures/error_record.ts";
import type { Recorder } from "./recording_broker.ts";

/** An input that was handed back, to come again. */
export interface HandedBack<I = RecordValue> {
  /** As it was pushed. */
  readonly record: I;
  /** 1 the first time. */
  readonly attempt: number;
  /** Before it comes again, ms. */
  readonly delayMs: number;
}

/** An input that was given up by the runtime. */
export interface GivenUp<I = RecordValue> {
  /** As it was pushed. */
  readonly record: I;
  /** How often it was tried. */
  readonly attempts: number;
  /** Why the last attempt failed. */
  readonly error: string;
}

/** What a subject carries. */
export interface Lane {
  readonly schema: () => RecordSchema;
  readonly records: RecordValue[];
}

export interface KitRecordOptions {
  input: RecordSchema;
  /** By subject. */
  lanes: ReadonlyMap<string, Lane>;
  errorTopic: string;
  joined: () => void;
}

/** Everything that became visible of the function's work. */
export class KitRecord implements Recorder, DeadLetters {
  readonly #options: KitRecordOptions;
  readonly #dead = new Set<number>();
  readonly acked: RecordValue[] = [];
  readonly nacked: HandedBack[] = [];
  readonly deadLetters: GivenUp[] = [];
  readonly errorRecords: ErrorRecord[] = [];
  readonly place = "the test";
  heartbeats = 0;

  constructor(options: KitRecordOptions) {
    this.#options = options;
  }

  joined(): void {
    this.#options.joined();
  }

  stored({ subject, body }: OutMessage): void {
    const { lanes, errorTopic } = this.#options;
    if (subject === errorTopic) {
      this.errorRecords.push(JSON.parse(new TextDecoder().decode(body)));
      return;
    }
    const lane = lanes.get(subject);
    lane?.records.push(lane.schema().decode(body));
  }

  wasAcked(delivery: Delivery): void {
    if (!this.#dead.has(delivery.sequence)) this.acked.push(this.#recordOf(delivery));
  }

  wasNacked(delivery: Delivery, delayMs: number): void {
    const { attempt } = delivery;
    this.nacked.push({ record: this.#recordOf(delivery), attempt, delayMs });
  }

  working(): void {
    this.heartbeats++;
  }

  put(delivery: Delivery, { attempts, error }: DeathNotice): Promise<void> {
    this.#dead.add(delivery.sequence);
    this.deadLetters.push({ record: this.#recordOf(delivery), attempts, error });
    return Promise.resolve();
  }

  #recordOf({ body }: Delivery): RecordValue {
    return this.#options.input.decode(body);
  }
}
