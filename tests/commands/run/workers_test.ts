import { beforeEach, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { allEndWell } from "../../support/commands/all_end_well.ts";
import { OTHER_RUNTIME, OWN_RUNTIME, RUNTIMES } from "../../support/runtimes.ts";
import { onServers } from "../../support/commands/on_servers.ts";
import { loggedKeys } from "../../support/commands/quickstart.ts";
import type { ServerFlow } from "../../support/commands/server_flow.ts";

const SLOW = { timeout: 90_000 };

onServers("kflow worker", (given) => {
  let flow: ServerFlow;
  beforeEach(async () => {
    flow = await given.newFlow();
  }, SLOW);

  it("of each task ends when the batch is finished: consumers started first", SLOW, async () => {
    const env = { WORK_MS: "20" };
    const store = flow.worker("store", { runtime: OTHER_RUNTIME });
    await store.sees('"Worker starts"');
    const middle = [
      flow.worker("describe", { runtime: OWN_RUNTIME, env }),
      flow.worker("describe", { runtime: OTHER_RUNTIME, way: "tcp", env }),
    ];
    await Promise.all(middle.map((worker) => worker.sees('"Worker starts"')));
    const list = flow.worker("list", { runtime: OWN_RUNTIME });
    await allEndWell([list, ...middle, store]);
    await flow.isCompleteAndOnce();
    const begun = middle.map((worker) => loggedKeys(worker.stderr, "begins"));
    assert.ok(begun.every((some) => some.length > 0), "one worker did it all");
    assert.deepEqual(begun.flat().sort(), await flow.expectedKeys());
  });

  it("of each task ends when the batch is finished: the source started first", SLOW, async () => {
    const list = flow.worker("list", { runtime: OTHER_RUNTIME });
    await allEndWell([list]);
    const middle = flow.worker("describe", { way: "tcp" });
    await allEndWell([middle]);
    const store = flow.worker("store", { runtime: OTHER_RUNTIME });
    await allEndWell([store]);
    await flow.isCompleteAndOnce();
  });

  it("that is killed is replaced by the others, and nothing is stored twice", SLOW, async () => {
    flow.set("dag.describe.meta.max.poll.interval.ms", "2000");
    const victim = flow.worker("describe", { env: { HANG_AT: "4", WORK_MS: "20" } });
    await victim.sees('"Worker starts"');
    const list = flow.worker("list");
    await victim.sees('"begins"', 4);
    victim.signal("SIGKILL");
    const middle = flow.worker("describe", { runtime: OTHER_RUNTIME });
    const store = flow.worker("store");
    await allEndWell([list, middle, store]);
    await flow.isCompleteAndOnce();
    const hung = loggedKeys(victim.stderr, "begins");
    const again = loggedKeys(middle.stderr, "begins");
    assert.equal(hung.filter((key) => again.includes(key)).length >= 1, true, middle.stderr);
  });

  it("that is killed again and again at any moment loses and doubles nothing", SLOW, async () => {
    for (const task of ["describe", "store"]) {
      flow.set(`dag.${task}.meta.max.poll.interval.ms`, "1000");
      flow.set(`dag.${task}.meta.max.attempts`, "unlimited");
    }
    const keepUp = async (task: string, kills: number) => {
      for (let start = 0;; start++) {
        const runtime = RUNTIMES[start % 2]!;
        const worker = flow.worker(task, { runtime, env: { WORK_MS: "15" } });
        if (start < kills) {
          await worker.sees('"Worker starts"');
          setTimeout(() => worker.signal("SIGKILL"), Math.random() * 400);
        }
        const { status, signal, stderr } = await worker.end();
        if (status === 0) return;
        assert.ok(
          signal === "SIGKILL" || status === 137,
          `${task} ended with ${status}\n${stderr}`,
        );
      }
    };
    await Promise.all([
      keepUp("list", 1),
      keepUp("describe", 2),
      keepUp("describe", 2),
      keepUp("store", 2),
    ]);
    await flow.isCompleteAndOnce();
  });

  it("of a finished run says so and ends well", SLOW, async () => {
    const tasks = ["list", "describe", "store"];
    await allEndWell(tasks.map((task) => flow.worker(task, { run: "monday" })));
    for (const task of tasks) {
      const { status, stderr } = await flow.worker(task, { run: "monday" }).end();
      assert.equal(status, 0);
      assert.match(
        stderr,
        new RegExp(`Run \\\\"monday\\\\" is finished for task \\\\"${task}\\\\"`),
      );
    }
    await flow.isCompleteAndOnce();
  });

  it("of another run takes only new objects with a checkpoint, and all without", SLOW, async () => {
    const tasks = ["list", "describe", "store"];
    const runAll = async (run: string) => {
      const workers = tasks.map((task) => flow.worker(task, { run }));
      await allEndWell(workers);
      return loggedKeys(workers[1]!.stderr, "begins");
    };
    flow = await given.newFlow("docs-two-runs");
    const keys = await flow.expectedKeys();
    assert.deepEqual(await runAll("one"), keys);
    const body = new TextEncoder().encode("late\n");
    await given.servers.store.put(flow.docs, "aaa late.txt", body);
    assert.deepEqual(await runAll("two"), ["aaa late.txt"]);
    flow.set("dag.list.meta.checkpoint", "false");
    assert.deepEqual(await runAll("three"), ["aaa late.txt", ...keys]);
  });

  it("refuses a task that is not there, and a pipeline without a server", SLOW, async () => {
    const unknown = await flow.worker("descirbe").end();
    assert.equal(unknown.status, 2);
    assert.match(unknown.stderr, /no task "descirbe"; it has "list", "describe", "store"/);
    const embedded = await given.kflow.run([
      "worker",
      flow.folder.file("pipeline.yaml"),
      "--task",
      "list",
    ]);
    assert.equal(embedded.status, 2);
    assert.match(embedded.stderr, /KFLOW_NATS_ADDR/);
  });

  it("prints no password", () => given.printedNoPassword());
}, SLOW);
