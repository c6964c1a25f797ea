import type { Consumer } from "../../broker/broker.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { REAL_TIMERS, type Timers } from "../../base/time/timers.ts";

const LOOK_MS = 60_000;
/** Looks between two lines that say the same: doubles from one up to this. */
const MAX_LOOKS = 60;

export interface IdleLogOptions {
  readonly consumer: Pick<Consumer, "state">;
  readonly worker: {
    /** Deliveries taken and not settled. */
    readonly inFlight: number;
    /** The delivery that has the worker to itself. */
    readonly alone: { readonly sequence: number; readonly since: number } | undefined;
  };
  /** How many deliveries the worker has started. */
  readonly counts: { readonly in: number };
  /** Deliveries that the whole group may hold. */
  readonly maxAckPending: number;
  readonly log: Logger;
  /** @default the real ones */
  readonly timers?: Timers;
}

/**
 * Says in the log why a worker makes no step: nothing waits, all that is left is with others or waits for its next try, or one record has the worker to
 * itself. A reason that stays is repeated less and less often.
 */
export class IdleLog {
  readonly #options: IdleLogOptions;
  readonly #end: () => void;
  #begun = -1;
  #said = "";
  /** Looks until the same line is due again, and how many that were the last time. */
  #wait = { left: 0, looks: 1 };

  constructor(options: IdleLogOptions) {
    this.#options = options;
    this.#begun = options.counts.in;
    this.#end = (options.timers ?? REAL_TIMERS).every(LOOK_MS, () => void this.look());
  }

  stop(): void {
    this.#end();
  }

  /** Looks once. Never rejects. */
  async look(): Promise<void> {
    const { worker, counts, log } = this.#options;
    const { alone } = worker;
    const stands = counts.in === this.#begun;
    this.#begun = counts.in;
    try {
      if (alone !== undefined) {
        const seconds = Math.round((performance.now() - alone.since) / 1000);
        this.#say("A record still has this worker to itself", {
          sequence: alone.sequence,
          seconds,
        });
      } else if (stands && worker.inFlight === 0) await this.#lookAtQueue();
      else this.#said = "";
    } catch (error) {
      log.debug("Cannot ask how the queue stands", { reason: reasonOf(error) });
    }
  }

  async #lookAtQueue(): Promise<void> {
    const { consumer, maxAckPending } = this.#options;
    const { pending, ackPending } = await consumer.state();
    if (ackPending >= maxAckPending) {
      this.#say(
        "No record is delivered: the group holds as many unsettled ones as it may. Those that failed wait here for their next try",
        { pending, ackPending, maxAckPending },
      );
    } else if (ackPending > 0) {
      this.#say("Idle: other workers have what is left, or it waits for its next try", {
        pending,
        ackPending,
      });
    } else if (pending > 0) this.#say("Idle although records wait", { pending });
    else this.#say("Idle: no record waits", {});
  }

  #say(message: string, fields: Record<string, number>): void {
    const isNew = message !== this.#said;
    if (!isNew && --this.#wait.left > 0) return;
    const looks = isNew ? 1 : Math.min(this.#wait.looks * 2, MAX_LOOKS);
    this.#wait = { left: looks, looks };
    this.#said = message;
    const { log } = this.#options;
    if (message.startsWith("Idle: ")) log.info(message, fields);
    else log.warning(message, fields);
  }
}
