import { beforeEach, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { OTHER_RUNTIME, OWN_RUNTIME } from "../../support/runtimes.ts";
import { onServers } from "../../support/commands/on_servers.ts";
import { loggedKeys } from "../../support/commands/quickstart.ts";
import type { ServerFlow } from "../../support/commands/server_flow.ts";

const SLOW = { timeout: 90_000 };

onServers("a signal", (given) => {
  let flow: ServerFlow;
  beforeEach(async () => {
    flow = await given.newFlow();
  }, SLOW);

  it(
    "stops a worker in the middle of a batch, and another does the rest at once",
    SLOW,
    async () => {
      const env = { WORK_MS: "40" };
      const list = flow.worker("list");
      const store = flow.worker("store");
      const stopped = flow.worker("describe", { env });
      await stopped.sees('"begins"', 5);
      stopped.signal("SIGTERM");
      const { status, stderr } = await stopped.end(10_000);
      assert.equal(status, 143, stderr);
      assert.match(stderr, /"Worker has stopped"/);
      const done = loggedKeys(stderr, "begins");
      const keys = await flow.expectedKeys();
      assert.ok(done.length < keys.length);

      const other = flow.worker("describe", { runtime: OTHER_RUNTIME });
      for (const worker of [other, list, store]) assert.equal((await worker.end()).status, 0);
      // The ack wait is two minutes: what was not handed back would not have come in time.
      assert.deepEqual([...done, ...loggedKeys(other.stderr, "begins")].sort(), keys);
      await flow.isCompleteAndOnce();
    },
  );

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`stops an idle worker before its task is finished, ${signal}`, SLOW, async () => {
      const idle = flow.worker("describe", {
        runtime: signal === "SIGINT" ? OTHER_RUNTIME : OWN_RUNTIME,
      });
      await idle.sees('"Worker starts"');
      idle.signal(signal);
      const { status, stderr } = await idle.end(10_000);
      assert.equal(status, signal === "SIGTERM" ? 143 : 130, stderr);
    });
  }

  it("stops a whole run, which goes on with the same id", SLOW, async () => {
    const run = flow.run({ run: "tuesday", env: { WORK_MS: "40" } });
    await run.sees('"begins"', 5);
    run.signal("SIGINT");
    const { status, stdout, stderr } = await run.end(10_000);
    assert.equal(status, 130, stderr);
    assert.match(stdout, /: stopped before the end; the next run does what is left in /);
    const again = await flow.run({ run: "tuesday" }).end();
    assert.equal(again.status, 0, again.stderr);
    await flow.isCompleteAndOnce();
    const begun = [...loggedKeys(stderr, "begins"), ...loggedKeys(again.stderr, "begins")];
    assert.deepEqual(begun.sort(), await flow.expectedKeys());
  });

  for (const [signal, status] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
    it(`ends at once what is stopping already: second ${signal}`, SLOW, async () => {
      const hanging = flow.run({ env: { HANG_AT: "2" } });
      await hanging.sees('"begins"', 2);
      hanging.signal(signal);
      await hanging.sees('"Stopping: ');
      hanging.signal(signal);
      assert.equal((await hanging.end(5_000)).status, status);
    });
  }

  it("ends a function that outlasts the grace, and its input is redelivered", SLOW, async () => {
    flow.set("dag.describe.meta.max.poll.interval.ms", "2000");
    const list = flow.worker("list");
    const store = flow.worker("store");
    const hanging = flow.worker("describe", {
      env: { HANG_AT: "3", KFLOW_SHUTDOWN_GRACE_MS: "500" },
    });
    await hanging.sees('"begins"', 3);
    hanging.signal("SIGTERM");
    const { status, stderr } = await hanging.end(5_000);
    assert.equal(status, 143, stderr);
    assert.match(stderr, /The grace is over/);
    const other = flow.worker("describe");
    for (const worker of [other, list, store]) assert.equal((await worker.end()).status, 0);
    await flow.isCompleteAndOnce();
    const hung = loggedKeys(stderr, "begins");
    const again = loggedKeys(other.stderr, "begins");
    assert.equal(hung.filter((key) => again.includes(key)).length, 1);
  });

  it("makes no command print a password", () => given.printedNoPassword());
}, SLOW);
