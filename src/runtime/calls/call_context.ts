import type { JsonForm, RecordValue } from "../../codec/codec.ts";
import type { Logger } from "../../base/log.ts";
import type { Meta } from "../../pipeline/plan/meta.ts";
import type { Flight } from "../records/flight.ts";
import type { ManualAck } from "../records/manual_ack.ts";
import type { Context, DeliveryInfo } from "../../api/context.ts";
import { referenceIn } from "../downloads/download.ts";
import type { TaskOutputs } from "../records/outputs.ts";
import type { ContextScope } from "./scoped_context.ts";
import type { TaskStore } from "../../api/task_store.ts";
import { TracedScope } from "./traced_scope.ts";

/** What all calls of one worker share. */
export interface CallScope extends ContextScope {
  /** Those that records may name. */
  readonly buckets: ReadonlySet<string>;
  readonly outputs: TaskOutputs;
  /** Present if the function acknowledges by itself. */
  readonly manual?: ManualAck;
}

/** The `Context` of one call. It inherits nothing: that makes a call of a fast function take a twentieth longer (measured). */
export class CallContext implements Context {
  readonly #scope: CallScope;
  readonly #flight: Flight;
  #traced?: TracedScope;

  constructor(scope: CallScope, flight: Flight) {
    this.#scope = scope;
    this.#flight = flight;
  }

  get flow(): string {
    return this.#scope.flow;
  }
  get task(): string {
    return this.#scope.task;
  }
  get meta(): Meta {
    return this.#scope.meta;
  }
  get signal(): AbortSignal {
    return this.#scope.signal;
  }
  get log(): Logger {
    return this.#named().log;
  }
  get store(): TaskStore {
    return this.#named().store;
  }

  /** With the name of the trace that the record came with, if it did. */
  #named(): Pick<ContextScope, "log" | "store"> {
    const { traceparent } = this;
    if (traceparent === undefined) return this.#scope;
    return this.#traced ??= new TracedScope(this.#scope, traceparent);
  }

  get traceparent(): string | undefined {
    return this.#flight.trace?.parent;
  }

  get localPath(): string | undefined {
    return this.#flight.download?.path;
  }

  get delivery(): DeliveryInfo {
    const { id, sequence, attempt, timestamp } = this.#flight.delivery;
    return { id, sequence, attempt, timestamp: new Date(Number(timestamp.slice(0, -6))) };
  }

  async object(): Promise<ReadableStream<Uint8Array>> {
    const { download, record } = this.#flight;
    if (download !== undefined) return await download.open();
    const { bucket, key } = referenceIn(record, this.#scope.buckets);
    return (await this.store.get(bucket, key, { signal: this.#scope.signal })).body;
  }

  recordAsJson(form?: JsonForm): unknown {
    const { schema, record } = this.#flight;
    return schema?.toJson(record!, form);
  }

  recordAsAvro(): { schema: string; body: Uint8Array } {
    const { schema, delivery } = this.#flight;
    return { schema: schema!.text, body: delivery.body };
  }

  newRecord(sideOut?: string): RecordValue {
    return this.#scope.outputs.schema(sideOut).newRecord();
  }

  toSideStream(sideOut: string, record: unknown): Promise<void> {
    return this.#scope.outputs.publishSide(this.#flight, sideOut, record);
  }

  requestAck(): void {
    manualOf(this.#scope).request(this.#flight);
  }

  async flush(...paths: string[]): Promise<void> {
    const { manual } = this.#scope;
    if (manual !== undefined) return await manual.flush(paths, this.#flight.download);
    const { download } = this.#flight;
    for (const path of paths) {
      if (path !== download?.path) {
        throw new RangeError(
          `Cannot flush ${JSON.stringify(path)}: it is no file that was downloaded for this record`,
        );
      }
      await download.remove();
    }
  }
}

/** @throws {TypeError} if the function does not acknowledge by itself. */
export function manualOf({ manual, task }: Pick<CallScope, "manual" | "task">): ManualAck {
  if (manual !== undefined) return manual;
  throw new TypeError(
    `Cannot call requestAck(): task "${task}" is acknowledged by the runtime; set meta.ack.manual to true`,
  );
}
