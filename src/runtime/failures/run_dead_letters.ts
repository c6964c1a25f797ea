import type { Delivery } from "../../broker/broker.ts";
import type { DeadLetters } from "./dead_letters.ts";
import type { DeathNotice } from "./death_notice.ts";

/** Where a run keeps count of its dead letters. */
export interface RunNotes {
  /** Counts one more dead letter of the task. */
  noteDead(task: string): Promise<void>;
}

/** Dead letters of a batch: each is noted with the run too, so that every worker of the run ends with the same status, also one that is started again. */
export class RunDeadLetters implements DeadLetters {
  readonly #inner: DeadLetters;
  readonly #end: RunNotes;

  constructor(inner: DeadLetters, end: RunNotes) {
    this.#inner = inner;
    this.#end = end;
  }

  get place(): string {
    return this.#inner.place;
  }

  async put(delivery: Delivery, notice: DeathNotice): Promise<void> {
    await this.#inner.put(delivery, notice);
    await this.#end.noteDead(notice.task);
  }
}
