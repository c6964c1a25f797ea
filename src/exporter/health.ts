import type { Logger } from "../base/log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { StoreWatch } from "./store_watch.ts";

/** What the workers of a process need to have. */
export interface Servers {
  readonly broker: { isConnected(): boolean };
  readonly stores: readonly StoreProbe[];
}

/** A store that can be away. */
export interface StoreProbe {
  /** Without credentials. */
  readonly address: string;
  /** Rejects if the store does not answer. */
  check(): Promise<void>;
}

export interface HealthOptions {
  /** Aborted when the process drains. */
  readonly stop: AbortSignal;
  /** Has what is not for everyone who may ask: addresses. */
  readonly log: Logger;
  /** Where the tasks count. */
  metrics(): Iterable<Pick<Metrics, "tasksWith">>;
}

/** What `/livez` and `/readyz` say of one process. */
export class Health {
  readonly #options: HealthOptions;
  #broker?: Servers["broker"];
  #stores: WatchedStore[] = [];

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** The workers have their broker. May be called again, when they have another. */
  started({ broker, stores }: Servers): void {
    this.#broker = broker;
    this.#stores = stores.map((store) => ({
      address: store.address,
      watch: new StoreWatch(() => store.check()),
      isAway: false,
    }));
  }

  /** Why the process should be started anew; undefined if it should not. */
  notAlive(): string | undefined {
    if (this.#options.stop.aborted) return undefined;
    const stalled = [...this.#options.metrics()].flatMap((each) => each.tasksWith("stalled"));
    if (stalled.length === 0) return undefined;
    return `no step for three ack waits though records wait: ${stalled.join(", ")}`;
  }

  /** Why it cannot be given work now; undefined if it can. Answers within a second. */
  async notReady(): Promise<string | undefined> {
    if (this.#options.stop.aborted) return "stopping";
    if (this.#broker === undefined) return "starting";
    if (!this.#broker.isConnected()) return "no connection to the broker";
    await Promise.all(this.#stores.map((store) => this.#look(store)));
    return this.#stores.some(({ isAway }) => isAway)
      ? "a store does not answer; the log has its address"
      : undefined;
  }

  async #look(store: WatchedStore): Promise<void> {
    const { address, watch, isAway: wasAway } = store;
    store.isAway = await watch.isAway();
    if (store.isAway === wasAway) return;
    const { log } = this.#options;
    if (store.isAway) log.warning("Not ready: a store does not answer", { address });
    else log.info("The store answers again", { address });
  }
}

interface WatchedStore {
  readonly address: string;
  readonly watch: StoreWatch;
  /** When it was last looked at. */
  isAway: boolean;
}
