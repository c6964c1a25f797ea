import { after, afterEach, before, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { type Command, CommandLine, OTHER_RUNTIME } from "../support/command.ts";
import { serverSkip } from "../support/server_binary.ts";
import { ServerFlow } from "../support/server_flow.ts";
import { TestServers } from "../support/test_servers.ts";

const SLOW = { timeout: 120_000 };

describe("a server that goes away", { skip: serverSkip("nats-server", "minio") }, () => {
  const kflow = new CommandLine();
  let servers: TestServers;
  let flow: ServerFlow;
  let keys: string[];

  before(async () => {
    servers = await TestServers.start();
  }, SLOW);
  beforeEach(async () => {
    flow = await ServerFlow.make(kflow, servers);
    keys = Object.keys(await flow.expected()).sort();
  }, SLOW);
  afterEach(() => flow.folder.remove());
  after(async () => {
    await kflow.endAll();
    await servers?.stop();
  });

  async function allEndWell(workers: readonly Command[]): Promise<void> {
    for (const worker of workers) {
      const { status, stderr } = await worker.end();
      assert.equal(status, 0, stderr);
      assert.match(stderr, /"Worker is finished"/);
    }
    assert.deepEqual(await flow.stored(), await flow.expected());
    assert.deepEqual(await flow.keysOnEdge("describe"), keys);
    assert.deepEqual(await flow.keysOnEdge("store"), keys);
  }

  function workers(env: Record<string, string>): Command[] {
    return [
      flow.worker("list"),
      flow.worker("describe", { env }),
      flow.worker("describe", { env, runtime: OTHER_RUNTIME, way: "tcp" }),
      flow.worker("store", { runtime: OTHER_RUNTIME }),
    ];
  }

  it("NATS, killed and started again in the middle of a batch", SLOW, async () => {
    // What was on its way to a worker comes again after the ack wait.
    for (const task of ["describe", "store"]) {
      flow.set(`dag.${task}.meta.max.poll.interval.ms`, "2000");
    }
    const all = workers({ WORK_MS: "60" });
    await Promise.all([all[1]!.sees('"begins"', 4), all[2]!.sees('"begins"', 4)]);
    await servers.nats.kill();
    await all[1]!.sees("connection to NATS is lost");
    await servers.nats.restart();
    await allEndWell(all);
  });

  it("S3, killed and started again in the middle of a batch", SLOW, async () => {
    const all = workers({ WORK_MS: "60" });
    await Promise.all([all[1]!.sees('"begins"', 4), all[2]!.sees('"begins"', 4)]);
    await servers.minio.kill();
    await servers.minio.restart();
    await allEndWell(all);
  });

  it("NATS, away when workers start: they say so, and go on when it comes", SLOW, async () => {
    await servers.nats.kill();
    const all = [...workers({}), flow.worker("describe")];
    await Promise.all(all.map((worker) => worker.sees("Cannot start yet, trying again in ")));
    await Promise.all(all.map((worker) => worker.sees("the server is away")));
    const stopped = all.pop()!;
    stopped.signal("SIGTERM");
    assert.equal((await stopped.end(5_000)).status, 0);
    await servers.nats.restart();
    await allEndWell(all);
  });

  it("S3, away when workers start: they say so, and go on when it comes", SLOW, async () => {
    await servers.minio.kill();
    const all = [flow.worker("list"), flow.worker("store")];
    await Promise.all(all.map((worker) => worker.sees(servers.minio.endpoint)));
    await servers.minio.restart();
    await allEndWell([...all, flow.worker("describe")]);
  });

  it("makes no command print a password", () => {
    for (const secret of servers.secrets) assert.ok(!kflow.output.includes(secret));
  });
});
