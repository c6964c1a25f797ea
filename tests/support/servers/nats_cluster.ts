import { connect } from "nats";
import { freePort } from "./free_port.ts";
import { type NatsServer, startNats } from "./nats_server.ts";
import { pause } from "../waiting.ts";

const START_MS = 30_000;
const POLL_MS = 50;

export interface NatsClusterOptions {
  readonly size: number;
  readonly user: string;
  readonly password: string;
  readonly version?: "2.9";
  /** What the user may not subscribe to. */
  readonly denied?: string;
}

/** Servers that keep streams together. */
export class NatsCluster {
  private constructor(
    readonly servers: readonly NatsServer[],
    readonly options: NatsClusterOptions,
  ) {}

  /** Returns when streams can be made. */
  static async start(options: NatsClusterOptions): Promise<NatsCluster> {
    const ports: number[] = [];
    while (ports.length < options.size) ports.push(await freePort());
    const routes = JSON.stringify(ports.map((port) => `nats://127.0.0.1:${port}`));
    const { size: _, ...each } = options;
    const started = await Promise.allSettled(ports.map((port, i) =>
      startNats({
        ...each,
        config:
          `server_name: n${i}\ncluster { name: kflow, listen: "127.0.0.1:${port}", routes: ${routes} }`,
      })
    ));
    const servers = started.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
    const cluster = new NatsCluster(servers, options);
    try {
      for (const each of started) if (each.status === "rejected") throw each.reason;
      await cluster.whole();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** Resolves when each server answers, and has all of every stream that it is to have. */
  async whole(): Promise<void> {
    const deadline = Date.now() + START_MS;
    for (const server of this.servers) {
      while (!await this.#isWhole(server).catch(() => false)) {
        if (Date.now() > deadline) throw new Error(`The cluster is not whole after ${START_MS} ms`);
        await pause(POLL_MS);
      }
    }
  }

  async stop(): Promise<void> {
    const [first, ...others] = this.servers;
    await first?.stop();
    for (const server of others) {
      await server.kill();
      await server.stop();
    }
  }

  async #isWhole({ tcpUrl }: NatsServer): Promise<boolean> {
    const { user, password } = this.options;
    const client = await connect({ servers: tcpUrl, user, pass: password, timeout: 1_000 });
    try {
      const manager = await client.jetstreamManager({ timeout: 1_000 });
      for await (const { config, cluster } of manager.streams.list()) {
        const replicas = cluster?.replicas ?? [];
        if (replicas.length !== config.num_replicas - 1) return false;
        if (cluster?.leader === undefined || replicas.some(({ current }) => !current)) return false;
      }
      return true;
    } finally {
      await client.close();
    }
  }
}
