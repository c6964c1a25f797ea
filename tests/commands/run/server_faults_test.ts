import { beforeEach, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { allEndWell } from "../../support/commands/all_end_well.ts";
import type { Command } from "../../support/commands/command.ts";
import { OTHER_RUNTIME } from "../../support/runtimes.ts";
import { onServers } from "../../support/commands/on_servers.ts";
import type { ServerFlow } from "../../support/commands/server_flow.ts";

const SLOW = { timeout: 120_000 };

onServers("a server that becomes unreachable", (given) => {
  let flow: ServerFlow;
  beforeEach(async () => {
    flow = await given.newFlow();
  }, SLOW);

  async function allIsWell(workers: readonly Command[]): Promise<void> {
    await allEndWell(workers);
    await flow.isCompleteAndOnce();
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
    await given.servers.nats.kill();
    await all[1]!.sees("connection to NATS is lost");
    await given.servers.nats.restart();
    await allIsWell(all);
  });

  it("S3, killed and started again in the middle of a batch", SLOW, async () => {
    const all = workers({ WORK_MS: "60" });
    await Promise.all([all[1]!.sees('"begins"', 4), all[2]!.sees('"begins"', 4)]);
    await given.servers.minio.kill();
    await given.servers.minio.restart();
    await allIsWell(all);
  });

  it(
    "NATS, unreachable when workers start: they log it, and go on when it comes",
    SLOW,
    async () => {
      await given.servers.nats.kill();
      const all = [...workers({}), flow.worker("describe")];
      await Promise.all(all.map((worker) => worker.sees("Cannot start yet, trying again in ")));
      await Promise.all(all.map((worker) => worker.sees("the server is away")));
      const stopped = all.pop()!;
      stopped.signal("SIGTERM");
      assert.equal((await stopped.end(5_000)).status, 143);
      await given.servers.nats.restart();
      // Each tries again at a time of its own: one of the two of a task may find that the other has done everything.
      const [list, one, other, store] = all;
      const ends = await Promise.all([one!.end(), other!.end()]);
      const late = ends.filter(({ stderr }) => !stderr.includes('"Worker is finished"'));
      assert.ok(late.length <= 1, late.map(({ stderr }) => stderr).join("\n"));
      for (const { stderr } of late) {
        assert.match(stderr, /is finished for task .*: nothing to do"/);
      }
      for (const { status, stderr } of ends) {
        assert.equal(status, 0, stderr);
      }
      await allIsWell([list!, store!]);
    },
  );

  it("S3, unreachable when workers start: they log it, and go on when it comes", SLOW, async () => {
    await given.servers.minio.kill();
    const all = [flow.worker("list"), flow.worker("store")];
    await Promise.all(all.map((worker) => worker.sees(given.servers.minio.endpoint)));
    await given.servers.minio.restart();
    await allIsWell([...all, flow.worker("describe")]);
  });

  it("makes no command print a password", () => given.printedNoPassword());
}, SLOW);
