import type { Headers, Publisher, Receipt } from "../../broker/broker.ts";
import type { StateStore } from "../../broker/state_store.ts";
import type { FlowNames } from "../../broker/subjects.ts";
import type { RecordSchema, RecordValue } from "../../codec/codec.ts";
import type { Logger } from "../../base/log.ts";
import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import type { EmitOptions, SourceContext, SourceMemory } from "../../api/source_function.ts";
import type { EncodedRecord, TaskOutputs } from "../records/outputs.ts";
import type { TaskProgress } from "../progress/task_progress.ts";
import { TurnClock } from "../../base/time/turn_clock.ts";
import { aborted, turn, waitAtMost } from "../../base/time/waiting.ts";
import { sideReceipt } from "../records/side_receipt.ts";
import { RecordOrigin } from "./record_origin.ts";
import type { TaskSpans } from "../records/task_spans.ts";

export interface SourceEmitterOptions {
  flow: string;
  task: TaskPlan;
  run: string;
  batch: boolean;
  outputs: TaskOutputs;
  publisher: Publisher;
  state: StateStore;
  names: FlowNames;
  progress: TaskProgress;
  log: Logger;
  signal: AbortSignal;
  /** Aborted when the grace is over: until then what was emitted is seen through. */
  kill: AbortSignal;
  durable: boolean;
  /** Present if a trace is to begin with each record. */
  spans?: TaskSpans;
}

/** Records a source may have on their way before it has to wait. */
export const SOURCE_LIMIT = 4096;
/** And the bytes that they may have. */
const SOURCE_BYTES = 16 << 20;
/** After so many records others get their turn: what is worked off while it is fresh costs a third less than what has piled up. */
const MOST_AT_ONCE = 256;
/** A stopping source waits this long for one more confirmation. */
const STALLED_MS = 1000;
/** One promise for all records that need no waiting. */
const PUBLISHED = Promise.resolve(true);
const STOPPED = Promise.resolve(false);

/** What a source works with: publishes its records and counts their confirmations. */
export class SourceEmitter implements SourceContext {
  readonly #options: SourceEmitterOptions;
  readonly #receipt: Receipt;
  readonly memory: SourceMemory;
  readonly #clock = new TurnClock(() => performance.now());
  #atOnce = 0;
  /** Bytes of the largest of the last records. */
  #largest = 0;
  /** Since `flush()`. */
  #hasEmitted = false;
  #failure?: Error;

  constructor(options: SourceEmitterOptions) {
    this.#options = options;
    const { progress } = options;
    this.#receipt = {
      stored: (duplicate) => {
        if (duplicate) progress.add("duplicates");
      },
      failed: (error) => this.#failure ??= error,
    };
    this.memory = sourceMemory(options);
  }

  get flow(): string {
    return this.#options.flow;
  }
  get task(): string {
    return this.#options.task.id;
  }
  get run(): string {
    return this.#options.run;
  }
  get batch(): boolean {
    return this.#options.batch;
  }
  get meta() {
    return this.#options.task.meta;
  }
  get log(): Logger {
    return this.#options.log;
  }
  get signal(): AbortSignal {
    return this.#options.signal;
  }
  get durable(): boolean {
    return this.#options.durable;
  }
  get schema(): RecordSchema {
    return this.#options.outputs.schema();
  }

  emit(record: RecordValue, options: EmitOptions): Promise<boolean> {
    const { outputs, publisher } = this.#options;
    // Encoded first, so that a record that does not fit is known before anything waits.
    const encoded = outputs.encodeForSource(record);
    const limit = this.#limitFor(encoded.body?.length ?? 0);
    if (++this.#atOnce < MOST_AT_ONCE && publisher.outstanding < limit) {
      return this.#publish(encoded, options) ? PUBLISHED : STOPPED;
    }
    return this.#publishLater(encoded, options, limit);
  }

  /** How many records may be outstanding, so that large ones do not fill the memory while the queue is full. */
  #limitFor(bytes: number): number {
    // Falls slowly, since the larger ones before may still be outstanding.
    this.#largest = Math.max(bytes, this.#largest * 0.999);
    if (this.#largest * SOURCE_LIMIT <= SOURCE_BYTES) return SOURCE_LIMIT;
    return Math.max(1, Math.floor(SOURCE_BYTES / this.#largest));
  }

  async #publishLater(
    encoded: EncodedRecord,
    options: EmitOptions,
    limit: number,
  ): Promise<boolean> {
    const { publisher, signal } = this.#options;
    if (this.#atOnce >= MOST_AT_ONCE) {
      this.#atOnce = 0;
      await turn();
    }
    await publisher.ready(signal, limit);
    return this.#publish(encoded, options);
  }

  #publish(encoded: EncodedRecord, { id, settled }: EmitOptions): boolean {
    const { publisher, progress, signal, durable } = this.#options;
    if (signal.aborted) return false;
    const { body, subjects } = encoded;
    const { headers, receipt: traced } = this.#traced(encoded, id);
    const origin = settled === undefined || durable ? undefined : new RecordOrigin(settled);
    const receipt = origin === undefined ? traced : new OriginReceipt(traced, origin);
    origin?.hold();
    if (body !== undefined) {
      for (const subject of subjects) {
        origin?.hold();
        publisher.publish({ subject, id, body, headers, origin }, receipt);
      }
    }
    origin?.release();
    progress.counts.out++;
    progress.touch(this.#clock.now());
    this.#hasEmitted = true;
    return true;
  }

  emitSide(sideOut: string, record: unknown, id: string): Promise<void> {
    const { outputs, publisher } = this.#options;
    const encoded = outputs.encodeSide(sideOut, record);
    const { body, subjects } = encoded;
    if (body === undefined) return Promise.resolve();
    const { headers, receipt: traced } = this.#traced(encoded, id);
    const { receipt, stored } = sideReceipt(traced, subjects.length);
    for (const subject of subjects) publisher.publish({ subject, id, body, headers }, receipt);
    return stored;
  }

  /** What a record is sent with, and who learns of its confirmations. */
  #traced(
    { body, subjects, headers }: EncodedRecord,
    id: string,
  ): { headers: Headers; receipt: Receipt } {
    const { spans } = this.#options;
    const trace = body === undefined ? undefined : spans?.start();
    if (trace === undefined) return { headers, receipt: this.#receipt };
    const startedAt = performance.now();
    const receipt = new TracedReceipt(
      this.#receipt,
      subjects.length,
      (error) => spans!.emitted({ trace, id, bytes: body!.length, startedAt, error }),
    );
    return { headers: trace.on(headers), receipt };
  }

  /**
   * Waits for the confirmations. True if the source is stopping and none came for a while: a full queue or a server that does not answer may take longer than
   * the grace, and the next start sends what is missing with the same ids.
   */
  async #confirmedOrStalled(): Promise<boolean> {
    const { publisher, kill } = this.#options;
    const over = new AbortController();
    const confirmed = publisher.flush(kill).then(() => false).finally(() => over.abort());
    return await Promise.race([confirmed, stalled(this.#options, over.signal)]);
  }

  newRecord(sideOut?: string): RecordValue {
    return this.#options.outputs.schema(sideOut).newRecord();
  }

  async flush(): Promise<void> {
    const { publisher, kill, progress } = this.#options;
    const isStalled = await this.#confirmedOrStalled();
    if (this.#hasEmitted) progress.touch(performance.now());
    this.#hasEmitted = false;
    // More may have been emitted meanwhile: only a stop leaves what was there before.
    if ((kill.aborted || isStalled) && publisher.outstanding > 0) {
      throw new Error("Stopped before every record was confirmed");
    }
    if (this.#failure === undefined) return;
    const failure = this.#failure;
    this.#failure = undefined;
    throw failure;
  }
}

/** True when the source is stopping and nothing was confirmed for a while; false when `over` is aborted first. */
async function stalled(
  { publisher, signal }: Pick<SourceEmitterOptions, "publisher" | "signal">,
  over: AbortSignal,
): Promise<boolean> {
  await aborted(AbortSignal.any([signal, over]));
  let before = Infinity;
  while (!over.aborted && publisher.outstanding < before) {
    before = publisher.outstanding;
    await waitAtMost(aborted(over), STALLED_MS);
  }
  return !over.aborted;
}

/** Holds the origin until the broker does: a message may have to wait for room before it is stored. */
class OriginReceipt implements Receipt {
  constructor(readonly receipt: Receipt, readonly origin: RecordOrigin) {}
  stored(duplicate: boolean): void {
    this.receipt.stored(duplicate);
    this.origin.release();
  }
  failed(error: Error): void {
    this.receipt.failed(error);
    this.origin.fail();
    this.origin.release();
  }
}

/** Learns when every edge has the record, or will not have it. */
class TracedReceipt implements Receipt {
  #open: number;
  #error?: Error;

  constructor(
    readonly receipt: Receipt,
    consumers: number,
    readonly ended: (error: Error | undefined) => void,
  ) {
    this.#open = consumers;
  }
  stored(duplicate: boolean): void {
    this.receipt.stored(duplicate);
    this.#answered();
  }
  failed(error: Error): void {
    this.#error ??= error;
    this.receipt.failed(error);
    this.#answered();
  }
  #answered(): void {
    if (--this.#open === 0) this.ended(this.#error);
  }
}

function sourceMemory(options: SourceEmitterOptions): SourceMemory {
  const { state, names, task } = options;
  const prefix = names.state("checkpoint", task.id);
  const key = (name: string) => names.state("checkpoint", task.id, name);
  return {
    async names() {
      return (await state.keys(prefix)).map((full) => full.slice(prefix.length + 1));
    },
    async get(name) {
      return (await state.get(key(name)))?.value;
    },
    async put(name, value) {
      await state.put(key(name), value);
    },
    delete: (name) => state.delete(key(name)),
  };
}
