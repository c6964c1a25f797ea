import type { RecordValue } from "../../codec/codec.ts";
import type { Logger } from "../../base/log.ts";
import type { Meta } from "../../pipeline/plan/meta.ts";
import type { SourceContext } from "../../api/source_function.ts";
import type { GeneratorContext } from "../../api/record_source.ts";
import type { TaskStore } from "../../api/task_store.ts";

/** What the user's code is given when it is asked for records. */
export class AskedContext implements GeneratorContext {
  readonly flow: string;
  readonly task: string;
  readonly run: string;
  readonly batch: boolean;
  readonly meta: Meta;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly store: TaskStore;
  /** Begins the ids of all records of the run. */
  readonly idPrefix: string;
  readonly #source: SourceContext;
  #position = 0;
  #wasRead = false;
  /** Whether the source has just begun: until it asks where, it makes its first record. */
  #isFresh = true;
  /** Side records sent at the position. */
  #sides = 0;

  constructor(source: SourceContext, options: { store: TaskStore; idPrefix: string }) {
    this.store = options.store;
    this.idPrefix = options.idPrefix;
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
    this.moveTo(position);
    this.#isFresh = true;
    this.#wasRead = false;
  }

  moveTo(position: number): void {
    this.#position = position;
    this.#isFresh = false;
    this.#sides = 0;
  }

  /** The record at the position failed and is asked for anew: what it sends then is what it sent before. */
  again(): void {
    this.#sides = 0;
  }

  newRecord(sideOut?: string): RecordValue {
    return this.#source.newRecord(sideOut);
  }

  toSideStream(sideOut: string, record: unknown): Promise<void> {
    const position = this.#isFresh && !this.#wasRead ? 0 : this.#position;
    const id = `${this.idPrefix}.${position}.${sideOut}.${this.#sides}`;
    const stored = this.#source.emitSide(sideOut, record, id);
    this.#sides++;
    return stored;
  }
}
