import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import process from "node:process";
import { eventually } from "../support/broker_probes.ts";
import { CommandLine } from "../support/command.ts";
import { pause } from "../support/pause.ts";
import { serverSkip } from "../support/server_binary.ts";
import { testSeed } from "../support/test_seed.ts";
import { TestServers } from "../support/test_servers.ts";
import { NumberedFlow, type NumberedTask } from "./numbered_flow.ts";
import { Random } from "./random.ts";
import { Supervisor } from "./supervisor.ts";

/** In the ordinary test run one server is killed. */
const ALL = process.env.KFLOW_TEST_FAULTS === "all";
const SERVERS = 3;
const KILLS = ALL ? 30 : 1;
/** Records the source makes in a second. */
const RATE = 200;
const RECORDS = RATE * (ALL ? 450 : 15);
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
  }, { timeout: 60_000 });
  after(async () => {
    await kflow.endAll();
    await flow?.remove();
    await servers?.stop();
  });

  const title =
    "of which one after another is killed loses and doubles nothing, and goes on without it";
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
    const delivered = () => made.standing("second").then((standing) => standing.delivered);
    let kills = 0;
    for (; kills < KILLS && !supervisor.isOver; kills++) {
      await cluster.whole();
      await pause(random.below(1_000));
      const server = cluster.servers[kills % SERVERS]!;
      let before: number | undefined;
      await eventually(async () => {
        before = await delivered().catch(() => undefined);
        return before !== undefined;
      }, "answer of the cluster");
      await server.kill();
      const isMore = () => delivered().then((now) => now > before! + RATE, () => false);
      await eventually(isMore, "records without the server", GOES_ON_MS);
      await server.restart();
    }
    await kept;
    assert.equal(kills, KILLS, "the work was done before the faults");
    await cluster.whole();
    assert.deepEqual(await replicas(), new Set([SERVERS]));
    await made.isCompleteAndOnce(`${kills} servers killed`);
  });

  /** Of all streams. */
  async function replicas(): Promise<Set<number>> {
    const manager = await (await servers.client()).jetstreamManager();
    const found = new Set<number>();
    for await (const { config } of manager.streams.list()) found.add(config.num_replicas);
    return found;
  }
});
