import { natsBroker } from "../app/brokers.ts";
import type { Broker } from "../broker/broker.ts";
import type { NatsDial } from "../broker/nats/nats_broker.ts";
import { reasonOf, StartError } from "../base/errors.ts";
import type { Host } from "../host.ts";
import { HttpError } from "../http/http_error.ts";
import type { Logger } from "../base/log.ts";
import type { Plan } from "../pipeline/plan/plan.ts";

export interface NatsDoorOptions {
  plan: Plan;
  host: Host;
  log: Logger;
  dialTcp?: NatsDial;
}

/** The connection of a handler to its NATS server: made when it is first needed, and one for all requests. */
export class NatsDoor {
  readonly #options: NatsDoorOptions;
  #connecting?: Promise<Broker>;
  #broker?: Broker;
  #failed?: string;

  constructor(options: NatsDoorOptions) {
    this.#options = options;
  }

  /** Whether the pipeline has a server to connect to. */
  get isThere(): boolean {
    return this.#options.plan.nats.address.kind !== "embedded";
  }

  /** Why nothing can be done there now; undefined if it can, or if nobody has tried yet. */
  get problem(): string | undefined {
    if (this.#broker !== undefined) {
      return this.#broker.isConnected() ? undefined : "no connection to the broker";
    }
    return this.#failed;
  }

  /** @throws {HttpError} 501 if there is no server, 503 if it is away; {StartError} if it cannot be used. */
  async broker(): Promise<Broker> {
    if (!this.isThere) {
      throw new HttpError(501, "This handler has no NATS server: it only answers calls", {
        hint: "set globalConfig.nats.addr in the pipeline, or KFLOW_NATS_ADDR",
      });
    }
    this.#connecting ??= this.#connect();
    return await this.#connecting;
  }

  async close(): Promise<void> {
    const connecting = this.#connecting;
    this.#connecting = undefined;
    this.#broker = undefined;
    const broker = await connecting?.catch(() => undefined);
    await broker?.close();
  }

  async #connect(): Promise<Broker> {
    try {
      this.#broker = await natsBroker(this.#options);
      this.#failed = undefined;
      return this.#broker;
    } catch (error) {
      // The next request tries again.
      this.#connecting = undefined;
      this.#failed = "cannot connect to the broker";
      this.#options.log.error("Cannot connect to NATS", { reason: reasonOf(error) });
      if (error instanceof StartError && !error.transient) throw error;
      throw unavailable("NATS is away", error);
    }
  }
}

/** Something that is needed is not there now. */
export function unavailable(problem: string, cause?: unknown): HttpError {
  return new HttpError(503, problem, {
    hint: "try again; the log says why",
    headers: { "Retry-After": "1" },
    cause,
  });
}
