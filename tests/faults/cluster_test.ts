import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import process from "node:process";
import { eventually, pause } from "../support/waiting.ts";
import { CommandLine } from "../support/commands/command.ts";
import { serverSkip } from "../support/servers/server_binary.ts";
import { testSeed } from "../support/data/test_seed.ts";
import { TestServers } from "../support/servers/test_servers.ts";
import type { NatsServer } from "../support/servers/nats_server.ts";
import { NumberedFlow, type NumberedTask } from "./numbered_flow.ts";
import { Random } from "./random.ts";
import { Supervisor } from "./supervisor.ts";

/** In the ordinary test run one server is killed. */
const ALL = process.env.KFLOW_TEST_FAULTS === "all";
const SERVERS = 3;
const KILLS = ALL ? 30 : 1;
/** Records the source makes in a second. */
const RATE = 200;
const RECORDS = RATE * (ALL ? 450 : 30);
/** How long most of the servers are away: longer than it takes until the one that is left says that there is no cluster. */
const AWAY_MS = 12_000;
/** Others lead by then what the dead server has led, and what was asked of it is asked again: a worker takes a silent request for lost after 11 s. */
const GOES_ON_MS = 30_000;
const LONG = { timeout: ALL ? 1_200_000 : 180_000 };
const WORKERS: readonly NumberedTask[] = ["make", "first", "first", "second", "second", "store"];

describe("a cluster of NATS servers", { skip: serverSkip("nats-server", "minio") }, () => {
  const kflow = new CommandLine();
  let servers: TestServers;
  let flow: NumberedFlow | undefined;
  before(async () => {
    servers = await TestServers.startCluster(SERVERS);
  });
  after(async () => {
    await kflow.endAll();
    await flow?.remove();
    await servers?.stop();
  });

  const title =
    "of which one after another is killed, and then two at once, loses and doubles nothing";
  it(title, LONG, async () => {
    const random = new Random(testSeed());
    const cluster = servers.cluster!;
    const made = flow = await NumberedFlow.make({ kflow, servers }, {
      records: RECORDS,
      rate: RATE,
      workMs: 5,
      ackWaitMs: 4_000,
    });
    const env = {
      ...servers.environment(),
      ...servers.natsEnvironment(cluster.servers.map(({ wsUrl }) => wsUrl).join(",")),
      KFLOW_NATS_REPLICAS: `${SERVERS}`,
    };
    const supervisor = new Supervisor({
      start: (task, runtime) => made.worker(task as NumberedTask, { runtime, env }),
      random,
      withinMs: LONG.timeout,
    });
    const kept = supervisor.keep(WORKERS);
    await servers.hasStream(`kflow-${made.id}-store`, 30_000);
    /** Undefined while nobody answers, or nobody for the consumer. */
    const delivered = () =>
      made.standing("second").then((standing) => standing.delivered || undefined, () => undefined);
    /** Kills servers while there is work; resolves when more is done than before. */
    const goesOn = async (
      those: readonly NatsServer[],
      { after = () => Promise.resolve() }: { after?: () => Promise<void> } = {},
    ) => {
      let before = Infinity;
      const works = async () => {
        before = await delivered() ?? Infinity;
        return before < Infinity;
      };
      const isMore = async () => (await delivered() ?? 0) > before + RATE;
      try {
        await eventually(works, "work", GOES_ON_MS);
        await Promise.all(those.map((server) => server.kill()));
        await after();
        await eventually(isMore, "work after a server was killed", GOES_ON_MS);
      } catch (error) {
        throw new Error(`${error}\n${kflow.output}`);
      }
    };
    let kills = 0;
    for (; kills < KILLS && !supervisor.isOver; kills++) {
      await cluster.whole();
      await pause(random.below(1_000));
      const server = cluster.servers[kills % SERVERS]!;
      await goesOn([server]);
      await server.restart();
    }
    await cluster.whole();
    const most = cluster.servers.slice(1);
    await goesOn(most, {
      async after() {
        await pause(AWAY_MS);
        await Promise.all(most.map((server) => server.restart()));
      },
    });
    await kept;
    assert.equal(kills, KILLS, "the work was done before the faults");
    await cluster.whole();
    assert.deepEqual(await replicas(), new Set([SERVERS]));
    await made.isCompleteAndOnce(`${kills} servers killed, and two of three away`);
  });

  /** Of all streams. */
  async function replicas(): Promise<Set<number>> {
    const manager = await (await servers.client()).jetstreamManager();
    const found = new Set<number>();
    for await (const { config } of manager.streams.list()) found.add(config.num_replicas);
    return found;
  }
});
