import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { eventually } from "../../support/waiting.ts";
import { CommandLine } from "../../support/commands/command.ts";
import { RUNTIMES } from "../../support/runtimes.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { freePort } from "../../support/servers/free_port.ts";
import { onServers } from "../../support/commands/on_servers.ts";
import type { ServerFlow } from "../../support/commands/server_flow.ts";

const SLOW = { timeout: 120_000 };
const HANGING_MODULE = `export default () => new Promise(() => {});`;
const STALLED = "not alive: no step for three ack waits though records wait: describe\n";

/** What a path answers; undefined if nobody listens. */
async function answerOf(port: number, path: string): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return `${response.status} ${await response.text()}`;
  } catch {
    return undefined;
  }
}

async function answers(port: number, path: string, wanted: string, ms = 40_000): Promise<void> {
  await eventually(
    async () => {
      // So that a test does not do what a monitor would never do.
      await new Promise((resolve) => setTimeout(resolve, 100));
      return await answerOf(port, path) === wanted;
    },
    `${wanted} at ${path}`,
    ms,
  );
}

describe("/livez of kflow run", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;
  before(async () => {
    folder = await FlowFolder.make("quickstart");
    await folder.write("hanging.ts", HANGING_MODULE);
  });
  after(async () => {
    await kflow.endAll();
    await folder.remove();
  });

  for (const runtime of RUNTIMES) {
    it(`is 503 on ${runtime} once a function has hung for three ack waits`, SLOW, async () => {
      const port = await freePort();
      const args = ["run", folder.file("pipeline.yaml"), "--set", "metrics.enabled=true"];
      args.push("--set", `metrics.port=${port}`, "--set", "dag.describe.module=./hanging.ts");
      args.push("--set", "dag.describe.meta.max.poll.interval.ms=1000");
      const run = kflow.start(args, { runtime });
      await answers(port, "/livez", "200 alive\n");
      await answers(port, "/livez", `503 ${STALLED}`);
      assert.match(
        await answerOf(port, "/metrics") ?? "",
        /^kflow_stalled_workers\{.*function="describe"\} 1$/m,
      );
      assert.equal(await answerOf(port, "/readyz"), "200 ready\n");
      await run.kill();
    });
  }
});

onServers("health of kflow worker", (given) => {
  let flow: ServerFlow;

  before(async () => {
    flow = await given.newFlow();
    await flow.folder.write("hanging.ts", HANGING_MODULE);
    flow.set("metrics.enabled", "true");
    flow.set("dag.list.globalConfig.metrics.enabled", "false");
  }, SLOW);

  it(
    "is not ready and alive while the store or the broker is stopped, and ready again after",
    SLOW,
    async () => {
      const port = await freePort();
      flow.set("metrics.port", String(port));
      const worker = flow.worker("store");
      await answers(port, "/readyz", "200 ready\n");
      const { minio, nats } = given.servers;

      await minio.kill();
      await answers(
        port,
        "/readyz",
        "503 not ready: a store does not answer; the log has its address\n",
      );
      assert.match(await answerOf(port, "/metrics") ?? "", /^kflow_ready 0$/m);
      await minio.restart();
      await answers(port, "/readyz", "200 ready\n");

      await nats.kill();
      await answers(port, "/readyz", "503 not ready: no connection to the broker\n");
      assert.equal(await answerOf(port, "/livez"), "200 alive\n");
      await nats.restart();
      await answers(port, "/readyz", "200 ready\n");
      assert.match(await answerOf(port, "/metrics") ?? "", /^kflow_ready 1$/m);
      assert.equal(await answerOf(port, "/livez"), "200 alive\n");
      await worker.kill();
    },
  );

  it("is not alive once its function has hung for three ack waits", SLOW, async () => {
    const port = await freePort();
    flow.set("metrics.port", String(port));
    // Records of the tests before wait under the other name, for another module.
    flow.set("name", "hung");
    flow.set("dag.describe.module", "./hanging.ts");
    flow.set("dag.describe.meta.max.poll.interval.ms", "1000");
    assert.equal((await flow.worker("list").end()).status, 0);
    const worker = flow.worker("describe");
    await answers(port, "/livez", "200 alive\n");
    await answers(port, "/livez", `503 ${STALLED}`);
    await worker.kill();
  });
}, SLOW);
