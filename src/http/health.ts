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
  /** Where the tasks count. */
  metrics(): Iterable<Pick<Metrics, "tasksWith">>;
}

/** What `/livez` and `/readyz` say of one process. */
export class Health {
  readonly #options: HealthOptions;
  #broker?: Servers["broker"];
  #stores: { readonly address: string; readonly watch: StoreWatch }[] = [];

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** The workers have their broker. May be called again, when they have another. */
  started({ broker, stores }: Servers): void {
    this.#broker = broker;
    this.#stores = stores.map((store) => ({
      address: store.address,
      watch: new StoreWatch(() => store.check()),
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
    const away = await Promise.all(this.#stores.map(({ watch }) => watch.isAway()));
    const store = this.#stores.find((_store, i) => away[i]);
    return store && `no answer of the store at ${store.address}`;
  }
}
