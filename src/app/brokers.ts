import type { Broker } from "../broker/broker.ts";
import { createMemoryBroker } from "../broker/memory/memory_broker.ts";
import type { NatsConfig, TaskPlan } from "../pipeline/plan/plan.ts";
import { readSettings } from "../settings/settings.ts";
import type { AppOptions } from "./app_options.ts";
import { serverKey } from "./server_key.ts";

/** Bytes of one task's input queue inside this process, and on a server. */
export const EMBEDDED_QUEUE_BYTES = 16 << 20;
export const NATS_QUEUE_BYTES = 256 << 20;

/** Connects to the plan's server. @param config Another server than the pipeline's. */
export async function natsBroker(
  options: Pick<AppOptions, "plan" | "host" | "log" | "dialTcp">,
  config?: NatsConfig,
): Promise<Broker> {
  const { plan, host, log, dialTcp } = options;
  const { address, user, password, token } = config ?? plan.nats;
  if (address.kind === "embedded") throw new TypeError("There is no NATS address to connect to");
  // Loaded when it is needed: a handler that answers calls only has no use for it.
  const { connectNats } = await import("../broker/nats/nats_broker.ts");
  const { natsReplicas } = readSettings((name) => host.env(name)).settings;
  return await connectNats({
    replicas: natsReplicas,
    url: address.url,
    kind: address.kind,
    user,
    password,
    token,
    dial: dialTcp,
    openSocket: host.openSocket,
    log,
  });
}

/** Where the error records of a task go; undefined: to the pipeline's own broker, or nowhere. */
export function errorServerOf({ sideStream }: TaskPlan): NatsConfig | undefined {
  const { enabled, address, user, password, token } = sideStream;
  return enabled && address !== undefined ? { address, user, password, token } : undefined;
}

/** The servers that take error records or have what a nats-source reads, one connection each; not the pipeline's own. */
export class OtherBrokers {
  readonly #options: AppOptions;
  readonly #brokers = new Map<string, Broker>();

  constructor(options: AppOptions) {
    this.#options = options;
  }

  /** Connects for some tasks; after that `of` is at hand at once. */
  async open(tasks: readonly TaskPlan[]): Promise<void> {
    for (const config of tasks.flatMap((task) => [errorServerOf(task), task.nats])) {
      if (config === undefined || this.#isOwn(config) || this.#brokers.has(serverKey(config))) {
        continue;
      }
      const broker = config.address.kind === "embedded"
        ? createMemoryBroker()
        : await natsBroker(this.#options, config);
      this.#brokers.set(serverKey(config), broker);
    }
  }

  /** Undefined: the pipeline's own. */
  of(config: NatsConfig | undefined): Broker | undefined {
    return config && this.#brokers.get(serverKey(config));
  }

  async close(): Promise<void> {
    const brokers = [...this.#brokers.values()];
    this.#brokers.clear();
    for (const broker of brokers) await broker.close();
  }

  #isOwn(config: NatsConfig): boolean {
    return serverKey(config) === serverKey(this.#options.plan.nats);
  }
}
