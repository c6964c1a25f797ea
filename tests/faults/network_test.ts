import { after, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import process from "node:process";
import type { Command } from "../support/commands/command.ts";
import { onServers } from "../support/commands/on_servers.ts";
import { pause } from "../support/waiting.ts";
import { type Direction, startTcpProxy, type TcpProxy } from "../support/servers/tcp_proxy.ts";
import type { TestServers } from "../support/servers/test_servers.ts";
import { NumberedFlow } from "./numbered_flow.ts";

/** In the ordinary test run only the first link. */
const ALL = process.env.KFLOW_TEST_FAULTS === "all";
const LONG = { timeout: 180_000 };
const RATE = 200;

interface Fault {
  readonly name: string;
  /** Resolves when it is over. */
  act(proxy: TcpProxy): Promise<void>;
  /** Bytes beside the number of each record. */
  readonly padding?: number;
  /** For all of these records. */
  readonly queueBytes?: number;
  /** After that many ms from its end on, records go on. Absent: when the link has given the connection up. */
  readonly backMs?: number;
}

/** A connection that answers again is used again at once; one that is made anew, within its pause. */
const SOON_MS = 5_000;

const FAULTS: readonly Fault[] = [
  { name: "cut", act: threeTimes((proxy) => proxy.cut()), backMs: SOON_MS },
  { name: "reset", act: threeTimes((proxy) => proxy.reset()), backMs: SOON_MS },
  { name: "nothing goes out", act: stalled("out"), backMs: SOON_MS },
  { name: "nothing comes in", act: stalled("in"), backMs: SOON_MS },
  { name: "nothing goes out or comes in", act: stalled(undefined), backMs: SOON_MS },
  {
    name: "half open",
    act: (proxy) => Promise.resolve(proxy.stall()),
  },
  {
    name: "half open with full buffers",
    act: (proxy) => Promise.resolve(proxy.stall("out")),
    padding: 20_000,
    queueBytes: 2 ** 30,
  },
  {
    name: "later than any time-out",
    async act(proxy) {
      proxy.delay(6_000);
      await pause(10_000);
      proxy.delay(0);
    },
    // What is under way when the delay ends still comes so late.
    backMs: 6_000 + SOON_MS,
  },
  {
    name: "refused",
    async act(proxy) {
      await proxy.down();
      await pause(4_000);
      await proxy.up();
    },
    backMs: SOON_MS,
  },
  {
    name: "accepted and never answered",
    async act(proxy) {
      proxy.mute(true);
      await pause(8_000);
      proxy.mute(false);
    },
    backMs: SOON_MS,
  },
];

interface Link {
  readonly name: string;
  /** A connection on which nothing comes any more is given up after so long. */
  readonly patienceMs: number;
  port(servers: TestServers): number;
  /** What sends a command to the proxy instead. */
  environment(servers: TestServers, port: number): Record<string, string>;
}

/** Two pings without an answer, of 5 s each, and what it takes to connect anew. */
const PINGS_MS = 20_000;

const LINKS: readonly Link[] = [
  {
    name: "NATS over a websocket",
    patienceMs: PINGS_MS,
    port: ({ nats }) => nats.wsPort,
    environment: (servers, port) => servers.natsEnvironment(`ws://127.0.0.1:${port}`),
  },
  {
    name: "NATS over TCP",
    patienceMs: PINGS_MS,
    port: ({ nats }) => nats.tcpPort,
    environment: (servers, port) => servers.natsEnvironment(`nats://127.0.0.1:${port}`),
  },
  {
    name: "S3",
    patienceMs: 45_000,
    port: ({ minio }) => Number(new URL(minio.endpoint).port),
    environment: (_servers, port) => ({ KFLOW_STORE_ADDR: `http://127.0.0.1:${port}` }),
  },
];

function threeTimes(act: (proxy: TcpProxy) => void): Fault["act"] {
  return async (proxy) => {
    for (let i = 0; i < 3; i++) {
      act(proxy);
      await pause(700);
    }
  };
}

function stalled(direction: Direction | undefined): Fault["act"] {
  return async (proxy) => {
    proxy.stall(direction);
    await pause(4_000);
    proxy.resume();
  };
}

onServers("a network", (given) => {
  const flows: NumberedFlow[] = [];
  after(() => Promise.all(flows.map((flow) => flow.remove())));

  /** One whole pipeline in a process behind a proxy of its own. */
  async function survives(fault: Fault, link: Link): Promise<void> {
    const { servers } = given;
    const flow = await NumberedFlow.make(given, {
      records: "until enough",
      rate: RATE,
      padding: fault.padding,
      queueBytes: fault.queueBytes,
      ackWaitMs: 4_000,
    });
    flows.push(flow);
    const proxy = await startTcpProxy(link.port(servers));
    try {
      const command: Command = flow.run({
        env: { ...servers.environment(), ...link.environment(servers, proxy.port) },
      });
      const acked = () => flow.standing("store").then((standing) => standing.acked, () => 0);
      const reaches = async (count: number, withinMs: number, what: string) => {
        const deadline = performance.now() + withinMs;
        while (await acked() < count) {
          assert.ok(performance.now() < deadline, `${what}\n${command.output}`);
          await pause(100);
        }
      };
      await reaches(RATE, 60_000, "no record before the fault");
      await fault.act(proxy);
      const before = await acked();
      const { backMs = link.patienceMs } = fault;
      await reaches(before + 1, backMs, `no record within ${backMs} ms after it`);
      await reaches(before + RATE, 60_000, "records do not go on after it");
      await flow.enough();
      const { status, stderr } = await command.end(60_000);
      assert.equal(status, 0, stderr);
      await flow.isCompleteAndOnce(fault.name);
    } finally {
      await proxy.stop();
    }
  }

  for (const link of ALL ? LINKS : LINKS.slice(0, 1)) {
    it(`to ${link.name} that fails in any way loses and doubles nothing`, LONG, async () => {
      const ends = await Promise.allSettled(FAULTS.map((fault) => survives(fault, link)));
      const failures = ends.flatMap((end, i) =>
        end.status === "rejected" ? [`${FAULTS[i]!.name}: ${end.reason}`] : []
      );
      assert.deepEqual(failures, []);
    });
  }
});
