import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { BasicRuntime } from "kflow";
import { allEndWell } from "../../support/commands/all_end_well.ts";
import { CommandLine } from "../../support/commands/command.ts";
import { OTHER_RUNTIME } from "../../support/runtimes.ts";
import { onServers } from "../../support/commands/on_servers.ts";

const PROGRAM = "examples/manual-ack/in_fives.ts";
const PIPELINE = "examples/manual-ack/pipeline.yaml";

describe("BasicRuntime", () => {
  it("takes one function, and says what it was given instead", () => {
    const runtime = new BasicRuntime();
    assert.equal(runtime.manualAck, false);
    assert.throws(() => runtime.process, /the runtime has no function; call addProcessFunction/);
    assert.throws(() => runtime.addProcessFunction({}), /Cannot add it as a function/);
    const add = ({ n }: { n: number }) => ({ n: n + 1 });
    assert.equal(runtime.addProcessFunction(add), runtime);
    assert.throws(() => runtime.addProcessFunction(add), /Cannot add a second function/);
  });
});

describe("a program with a BasicRuntime", () => {
  const kflow = new CommandLine();
  after(() => kflow.endAll());

  it("says which variables it needs, with status 2", async () => {
    const { status, stdout, stderr } = await kflow.run([], { main: PROGRAM });
    assert.equal(status, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /^environment KFLOW_PIPELINE: it is needed to know the pipeline file; /);
    assert.match(stderr, /\nenvironment KFLOW_TASK: it is needed to know the task to work on; /);
  });

  it("needs a server that the other workers use too", async () => {
    const env = { KFLOW_PIPELINE: PIPELINE, KFLOW_TASK: "label" };
    const { status, stderr } = await kflow.run([], { main: PROGRAM, env });
    assert.equal(status, 2);
    assert.match(stderr, /a worker needs a NATS server .*KFLOW_NATS_ADDR/);
  });
});

onServers("a program with a BasicRuntime, on a server", (given) => {
  it("is the worker of its task, and acknowledges by itself", async () => {
    const flow = { KFLOW_FLOW_ID: `flow-${crypto.randomUUID().slice(0, 8)}`, KFLOW_RUN_ID: "one" };
    const { kflow, servers } = given;
    const env = { ...servers.environment(), ...flow };
    const place = { KFLOW_PIPELINE: PIPELINE, KFLOW_TASK: "label" };
    const label = kflow.start([], { main: PROGRAM, env: { ...env, ...place } });
    const show = kflow.start(["worker", PIPELINE, "--task", "show"], { env });
    const orders = kflow.start(["worker", PIPELINE, "--task", "orders"], {
      env,
      runtime: OTHER_RUNTIME,
    });
    await allEndWell([orders, label]);
    const { status, stdout, stderr } = await show.end();
    assert.equal(status, 0, stderr);
    assert.equal(stdout, await readFile("examples/manual-ack/expected.txt", "utf8"));
    const again = await kflow.run([], { main: PROGRAM, env: { ...env, ...place } });
    assert.equal(again.status, 0, again.stderr);
    assert.match(again.stderr, /Run \\"one\\" is finished for task \\"label\\": nothing to do/);
  });
});
