import type { Broker, Delivery } from "../broker/broker.ts";
import type { FlowNames } from "../broker/subjects.ts";
import type { StateStore } from "../broker/state.ts";
import { reasonOf } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { TaskPlan } from "../pipeline/plan.ts";
import type { Shared } from "./runner_options.ts";
import { UnderWay } from "./under_way.ts";

/** A delivery that came this often may be what ended its earlier workers: it gets the worker for itself, and from here on its tries are noted. */
export const SUSPECT_ATTEMPT = 3;

interface TriesOptions {
  readonly state: StateStore;
  readonly names: FlowNames;
  readonly task: string;
  /** After so many a record is given up. */
  readonly most: number;
  readonly log: Logger;
}

/**
 * How often a message was really begun. A broker counts handings-over, also to workers that were killed while the message only waited in them. So
 * every try of a suspect is noted in the state before it begins, and the note goes when the message is acknowledged.
 */
export class Tries {
  readonly #options: TriesOptions;
  readonly #noted = new WeakSet<Delivery>();
  readonly #removals = new UnderWay();

  constructor(options: TriesOptions) {
    this.#options = options;
  }

  /** None where a message is handed over in one process only, and none where a record may be tried for ever. */
  static of(
    task: TaskPlan,
    options: { from: Broker; shared: Shared; most: number; log: Logger },
  ): Tries | undefined {
    const { from, shared, most, log } = options;
    if (!from.durable || most === Infinity) return undefined;
    const { broker, names } = shared;
    return new Tries({ state: broker.state, names, task: task.id, most, log });
  }

  /** Notes a try of a suspect. Resolves with how many there were with this one. Never rejects: while the state does not answer, no record is given up untried. */
  async note(delivery: Delivery): Promise<number> {
    const { state, most, log } = this.#options;
    const key = this.#key(delivery);
    try {
      const before = Number((await state.get(key))?.value ?? 0);
      await state.put(key, String(before + 1));
      this.#noted.add(delivery);
      return Math.min(delivery.attempt, SUSPECT_ATTEMPT + before);
    } catch (error) {
      const fields = { sequence: delivery.sequence, reason: reasonOf(error) };
      log.warning("Cannot note that a record is tried again", fields);
      return Math.min(delivery.attempt, most);
    }
  }

  /** The message is acknowledged. */
  forget(delivery: Delivery): void {
    if (!this.#noted.delete(delivery)) return;
    const { state, log } = this.#options;
    const removal = state.delete(this.#key(delivery)).catch((error) =>
      log.debug("Cannot remove a note of tries", { reason: reasonOf(error) })
    );
    this.#removals.add(removal);
  }

  /** Resolves when what was forgotten is gone. */
  settled(): Promise<void> {
    return this.#removals.all();
  }

  /** Everything is acknowledged: removes what workers left that were killed between an acknowledgement and its note. Never rejects. */
  async sweep(): Promise<void> {
    const { state, names, task, log } = this.#options;
    try {
      for (const key of await state.keys(names.state("begun", task))) await state.delete(key);
    } catch (error) {
      log.debug("Cannot remove notes of tries", { reason: reasonOf(error) });
    }
  }

  #key({ sequence, timestamp }: Delivery): string {
    const { names, task } = this.#options;
    return names.state("begun", task, `${sequence}-${timestamp}`);
  }
}
