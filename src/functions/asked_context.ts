import type { RecordValue } from "../codec/codec.ts";
import type { Logger } from "../log.ts";
import type { Meta } from "../pipeline/meta.ts";
import type { SourceContext } from "../runtime/source_function.ts";
import type { GeneratorContext } from "../runtime/record_source.ts";
import type { TaskStore } from "../runtime/task_store.ts";

/** What the user's code is given when it is asked for records. */
export class AskedContext implements GeneratorContext {
  readonly flow: string;
  readonly task: string;
  readonly run: string;
  readonly batch: boolean;
  readonly meta: Meta;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly #source: SourceContext;
  #position = 0;
  #wasRead = false;

  constructor(source: SourceContext, readonly store: TaskStore) {
    this.flow = source.flow;
    this.task = source.task;
    this.run = source.run;
    this.batch = source.batch;
    this.meta = source.meta;
    this.log = source.log;
    this.signal = source.signal;
    this.#source = source;
  }

  get position(): number {
    this.#wasRead = true;
    return this.#position;
  }

  /** Whether the position was asked for since `begin`. */
  get positionWasRead(): boolean {
    return this.#wasRead;
  }

  begin(position: number): void {
    this.#position = position;
    this.#wasRead = false;
  }

  moveTo(position: number): void {
    this.#position = position;
  }

  newRecord(): RecordValue {
    return this.#source.schema.newRecord();
  }
}
