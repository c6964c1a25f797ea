import type { Host } from "../host.ts";
import type { StoreProbe } from "../exporter/health.ts";
import type { StoreConfig, TaskPlan } from "../pipeline/plan/plan.ts";
import { DirectoryStore } from "../store/directory.ts";
import { MemoryStore } from "../store/memory.ts";
import { S3Store } from "../store/s3/s3_store.ts";
import { type Store, StoreError } from "../store/store.ts";
import { serverKey } from "./server_key.ts";

/** Asked for only to see whether the store answers. */
const PROBE_BUCKET = "kflow-ready";

/** One store per address and user, made when it is first asked for. */
export class Stores {
  readonly #host: Host;
  readonly #stores = new Map<string, Store>();
  #opening: Promise<void> = Promise.resolve();

  constructor(host: Host) {
    this.#host = host;
  }

  /** Opens the stores of some tasks; after that `of` is at hand at once. One call after the other, so that each is opened once. */
  open(tasks: readonly TaskPlan[]): Promise<void> {
    this.#opening = this.#opening.catch(() => {}).then(() => this.#open(tasks));
    return this.#opening;
  }

  async #open(tasks: readonly TaskPlan[]): Promise<void> {
    for (const { store } of tasks) {
      const key = serverKey(store);
      if (!this.#stores.has(key)) this.#stores.set(key, await openStore(store, this.#host));
    }
  }

  /** Of the tasks' stores those that can be away, each once. */
  probes(tasks: readonly TaskPlan[]): StoreProbe[] {
    const remote = tasks.filter(({ store }) => store.address.kind === "s3");
    const found = new Map(remote.map((task) => [serverKey(task.store), this.of(task)]));
    return [...found.values()].map((store) => ({
      address: store.address,
      async check() {
        try {
          await store.check(PROBE_BUCKET);
        } catch (error) {
          // That there is no such bucket, or that it is not ours, is an answer.
          if (!(error instanceof StoreError) || error.isOfStore) throw error;
        }
      },
    }));
  }

  of(task: TaskPlan): Store {
    const store = this.#stores.get(serverKey(task.store));
    if (store === undefined) throw new RangeError(`The store of task "${task.id}" is not open`);
    return store;
  }

  async close(): Promise<void> {
    for (const store of this.#stores.values()) await store.close();
  }
}

/** Opens the store that a configuration describes. Contacts nothing but the file system. */
async function openStore(config: StoreConfig, host: Host): Promise<Store> {
  const { address, user, password } = config;
  switch (address.kind) {
    case "memory":
      return new MemoryStore({ createBuckets: true });
    case "directory":
      return new DirectoryStore(await host.files(address.path, { create: true }), {
        createBuckets: true,
      });
    case "s3":
      return new S3Store({ endpoint: address.endpoint, user, password, fetch: host.fetch });
  }
}
