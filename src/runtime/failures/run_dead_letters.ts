import type { Delivery } from "../../broker/broker.ts";
import type { BatchEnd } from "../run/finished_tasks.ts";
import type { DeadLetters } from "./dead_letters.ts";
import type { DeathNotice } from "./death_notice.ts";

/** Dead letters of a batch: each is noted with the run too, so that every worker of the run ends with the same status, also one that is started again. */
export class RunDeadLetters implements DeadLetters {
  readonly #inner: DeadLetters;
  readonly #end: Pick<BatchEnd, "noteDead">;

  constructor(inner: DeadLetters, end: Pick<BatchEnd, "noteDead">) {
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
