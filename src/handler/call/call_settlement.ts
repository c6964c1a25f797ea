import type { Consumer, Delivery } from "../../broker/broker.ts";
import { reasonOf, stackOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { AckError } from "../../api/ack_error.ts";
import type { Settlement } from "../../runtime/worker/settle_delivery.ts";
import { errorRecord } from "../../runtime/failures/error_record.ts";
import type { Flight } from "../../runtime/records/flight.ts";
import type { TaskProgress } from "../../runtime/progress/task_progress.ts";
import { usefulTries } from "../../runtime/failures/useful_tries.ts";
import type { CallJob } from "./call_job.ts";

export interface CallSettlementOptions {
  flow: string;
  task: string;
  podName: string;
  consumer: Consumer;
  progress: Pick<TaskProgress, "add">;
  log: Logger;
}

/** Tells whoever waits for a record what became of it. Nothing is tried again: that is for the caller to decide, who has the record. */
export class CallSettlement implements Settlement {
  readonly #options: CallSettlementOptions;

  constructor(options: CallSettlementOptions) {
    this.#options = options;
  }

  done({ delivery }: Flight): void {
    const { consumer, progress } = this.#options;
    (delivery as CallJob).settle();
    consumer.ack(delivery);
    progress.add("acked");
  }

  handBack(delivery: Delivery): void {
    const { consumer, progress } = this.#options;
    consumer.nak(delivery);
    progress.add("nacked");
  }

  isExhausted(): boolean {
    return false;
  }

  failed(flight: Flight, error: unknown): Promise<void> {
    const { consumer, progress, log } = this.#options;
    progress.add("errors");
    (flight.delivery as CallJob).settle({
      record: errorRecord(flight, error, this.#options),
      givenUp: error instanceof AckError ? asksForAck(error) : usefulTries(error) === 1,
    });
    consumer.ack(flight.delivery);
    progress.add("acked");
    log.warning("A called record failed", { id: flight.delivery.id, error: reasonOf(error) });
    log.debug(stackOf(error) || reasonOf(error));
    return Promise.resolve();
  }

  bury(flight: Flight, error: string): Promise<void> {
    return this.failed(flight, new Error(error));
  }
}

/** A subclass may answer anything: only a plain yes gives a record up. */
function asksForAck(error: AckError): boolean {
  try {
    return error.shouldAck() === true;
  } catch {
    return false;
  }
}
