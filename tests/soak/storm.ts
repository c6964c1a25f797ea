import process from "node:process";
import { pause } from "../support/waiting.ts";
import type { TestServers } from "../support/servers/test_servers.ts";
import type { TcpProxy } from "../support/servers/tcp_proxy.ts";
import type { Random } from "../faults/random.ts";

export interface StormOptions {
  readonly random: Random;
  readonly servers: TestServers;
  /** In front of the NATS server's two ports, and of the S3 server. */
  readonly proxies: { readonly ws: TcpProxy; readonly tcp: TcpProxy; readonly s3: TcpProxy };
  /** Ends a worker. */
  kill(): void;
  /** Asks a worker to stop. */
  evict(): void;
  /** Puts messages on the edges of the flow that are no records. */
  sendStrange(): Promise<void>;
  /** Starts another pipeline under the name of the flow, which has to be refused. */
  intrude(): Promise<void>;
}

/** Calm between two faults, ms. */
const CALM_MS = 6_000;
const FROZEN_MS = 10_000;
/** Two pings of NATS without an answer and what it takes to connect anew; S3 waits longer, but has other connections. */
const HALF_OPEN_MS = 17_000;

/** Faults of every kind, one after the other, in an order that a seed names. */
export class Storm {
  readonly #options: StormOptions;
  readonly #faults: Readonly<Record<string, () => void | Promise<void>>>;
  readonly counts = new Map<string, number>();
  /** What happens now. */
  now: string | undefined;
  /** When the last fault was over, `performance.now()`. */
  calmSince = performance.now();

  constructor(options: StormOptions) {
    this.#options = options;
    const { servers: { nats, minio }, proxies } = options;
    this.#faults = {
      "worker killed": () => options.kill(),
      "worker evicted": () => options.evict(),
      "strange messages": () => options.sendStrange(),
      "another pipeline under the name": () => options.intrude(),
      "NATS restarted": () => this.#restart(nats),
      "S3 restarted": () => this.#restart(minio),
      "NATS frozen": () => this.#freeze(nats.pid),
      "S3 frozen": () => this.#freeze(minio.pid),
      ...this.#ofLink("NATS", [proxies.ws, proxies.tcp]),
      ...this.#ofLink("S3", [proxies.s3]),
    };
  }

  /** Goes on until the time is over. */
  async rage(untilMs: number): Promise<void> {
    const { random } = this.#options;
    const names = Object.keys(this.#faults);
    while (performance.now() < untilMs) {
      // Killing a worker is as likely as everything else together.
      const name = random.below(2) === 0 ? "worker killed" : random.pick(names);
      this.now = name;
      await this.#faults[name]!();
      this.now = undefined;
      this.calmSince = performance.now();
      this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      await pause(random.below(CALM_MS));
    }
  }

  #ofLink(link: string, proxies: readonly TcpProxy[]): Record<string, () => Promise<void>> {
    const { random } = this.#options;
    const all = (act: (proxy: TcpProxy) => void) => proxies.forEach(act);
    const forAWhile = async (begin: (proxy: TcpProxy) => void, end: (proxy: TcpProxy) => void) => {
      all(begin);
      await pause(1_000 + random.below(6_000));
      all(end);
    };
    const stalled = (direction?: "in" | "out") => () =>
      forAWhile((proxy) => proxy.stall(direction), (proxy) => proxy.resume());
    return {
      [`${link} cut`]: () => Promise.resolve(all((proxy) => proxy.cut())),
      [`${link} reset`]: () => Promise.resolve(all((proxy) => proxy.reset())),
      [`${link} stalled`]: stalled(),
      [`${link} stalled in`]: stalled("in"),
      [`${link} stalled out`]: stalled("out"),
      [`${link} late`]: async () => {
        const ms = 500 + random.below(6_000);
        await forAWhile((proxy) => proxy.delay(ms), (proxy) => proxy.delay(0));
        await pause(ms);
      },
      [`${link} silent`]: () =>
        forAWhile((proxy) => proxy.mute(true), (proxy) => proxy.mute(false)),
      [`${link} half open`]: async () => {
        all((proxy) => proxy.stall());
        await pause(HALF_OPEN_MS);
        // S3 has more patience than anybody here.
        all((proxy) => proxy.cut());
      },
      [`${link} refused`]: async () => {
        for (const proxy of proxies) await proxy.down();
        await pause(1_000 + random.below(4_000));
        for (const proxy of proxies) await proxy.up();
      },
    };
  }

  async #restart(server: { kill(): Promise<void>; restart(): Promise<void> }): Promise<void> {
    await server.kill();
    await pause(this.#options.random.below(2_000));
    await server.restart();
  }

  async #freeze(pid: number): Promise<void> {
    process.kill(pid, "SIGSTOP");
    await pause(1_000 + this.#options.random.below(FROZEN_MS));
    process.kill(pid, "SIGCONT");
  }
}
