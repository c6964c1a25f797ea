import { after, afterEach, before, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { CommandLine } from "../../support/commands/command.ts";
import { RUNTIMES } from "../../support/runtimes.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { freePort } from "../../support/servers/free_port.ts";
import { onServers } from "../../support/commands/on_servers.ts";
import { countsOf, SLOW_MODULE } from "../../support/commands/quickstart.ts";
import type { ServerFlow } from "../../support/commands/server_flow.ts";

async function page(port: number, path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, text: await response.text() };
}

/** The value of a metric for a task. */
function valueOf(text: string, name: string, task: string): number {
  const line = text.split("\n").find((each) =>
    each.startsWith(`${name}{`) && each.includes(`function="${task}"`)
  );
  if (line === undefined) throw new Error(`No ${name} of ${task} in\n${text}`);
  return Number(line.split(" ").at(-1));
}

/** Asks again until the answer is as wished. */
async function until(ask: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!await ask().catch(() => false)) {
    if (Date.now() > deadline) throw new Error(`20 s passed before ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("metrics of kflow run", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;
  let port: number;
  let args: string[];
  let occupant: Server | undefined;

  beforeEach(async () => {
    folder = await FlowFolder.make("quickstart");
    await folder.write("slow.ts", SLOW_MODULE);
    port = await freePort();
    args = ["run", folder.file("pipeline.yaml"), "--set", "dag.describe.module=./slow.ts"];
    args.push("--set", "metrics.enabled=true", "--set", `metrics.port=${port}`);
  });
  afterEach(async () => {
    await new Promise<void>((resolve) => occupant ? occupant.close(() => resolve()) : resolve());
    occupant = undefined;
    await folder.remove();
  });
  after(() => kflow.endAll());

  async function occupy(): Promise<void> {
    const server = occupant = createServer();
    await new Promise<void>((resolve) => server.listen(port, resolve));
  }

  for (const runtime of RUNTIMES) {
    it(
      `can be scraped on ${runtime} while it runs, and say what the report says`,
      async () => {
        const run = kflow.start(args, { runtime, env: { WORK_MS: "100" } });
        await run.sees('"begins"', 5);
        const { status, text } = await page(port, "/metrics");
        assert.equal(status, 200);
        assert.equal(valueOf(text, "events_total", "list"), 32);
        const events = valueOf(text, "events_total", "describe");
        assert.ok(events >= 4 && events < 32, `${events} events`);
        assert.equal(valueOf(text, "function_processing_time_ms_count", "describe"), events);
        assert.ok(valueOf(text, "function_processing_time_ms_sum", "describe") >= events * 90);
        assert.ok(valueOf(text, "function_downloading_time_ms_count", "describe") >= events);
        assert.equal(valueOf(text, "function_total_time_ms_count", "describe"), events);
        assert.ok(valueOf(text, "kflow_in_flight", "describe") > 0);
        assert.ok(valueOf(text, "kflow_slots", "describe") > 0);
        assert.match(text, new RegExp(`^kflow_build_info\\{.*platform="${runtime} `, "m"));
        assert.deepEqual(await page(port, "/livez"), { status: 200, text: "alive\n" });
        assert.deepEqual(await page(port, "/readyz"), { status: 200, text: "ready\n" });
        const { status: end, stdout, stderr } = await run.end();
        assert.equal(end, 0, stderr);
        assert.deepEqual(countsOf(stdout, "describe"), [32, 32, 0, 0, 0]);
        await assert.rejects(page(port, "/livez"));
      },
    );

    it(`says on ${runtime} in one warning that the port is taken, and runs`, async () => {
      await occupy();
      const { status, stdout, stderr } = await kflow.run(args, { runtime });
      assert.equal(status, 0, stderr);
      assert.deepEqual(countsOf(stdout, "describe"), [32, 32, 0, 0, 0]);
      const warnings = stderr.split("\n").filter((line) => line.includes('"WARNING"'));
      assert.equal(warnings.length, 1, stderr);
      const { message, reason } = JSON.parse(warnings[0]!);
      assert.equal(
        message,
        `Cannot serve metrics on port ${port}, going on without: give another with metrics.port`,
      );
      assert.equal(reason, "EADDRINUSE");
    });

    it(`ends with status 1 on ${runtime} where they are required`, async () => {
      await occupy();
      args.push("--set", "metrics.required=true");
      const { status, stdout, stderr } = await kflow.run(args, { runtime });
      assert.equal(status, 1);
      assert.equal(stdout, "");
      assert.equal(
        stderr,
        `Cannot serve metrics on port ${port}: EADDRINUSE; give another with metrics.port, ` +
          `or take out metrics.required to run without\n`,
      );
      assert.deepEqual([...await folder.files(".kflow")], []);
    });
  }

  it("says that it is not ready while it drains, and is alive", async () => {
    const run = kflow.start(args, { env: { WORK_MS: "700" } });
    await run.sees('"begins"', 1);
    await until(async () => (await page(port, "/readyz")).status === 200, "it was ready");
    run.signal("SIGTERM");
    await run.sees("Stopping");
    assert.deepEqual(await page(port, "/readyz"), { status: 503, text: "not ready: stopping\n" });
    assert.equal((await page(port, "/livez")).status, 200);
    assert.equal((await run.end()).status, 143);
  });

  it("are those of the tasks that enable them, each on its port", async () => {
    const other = await freePort();
    args.push("--set", "dag.describe.globalConfig.metrics.enabled=false");
    args.push("--set", `dag.store.globalConfig.metrics.port=${other}`);
    const run = kflow.start(args, { env: { WORK_MS: "100" } });
    await run.sees('"begins"', 3);
    const [first, second] = [await page(port, "/metrics"), await page(other, "/metrics")];
    const tasksIn = (text: string) =>
      [...text.matchAll(/^events_total\{.*function="(.*)"\}/gm)].map(([, task]) => task);
    assert.deepEqual(tasksIn(first.text), ["list"]);
    assert.deepEqual(tasksIn(second.text), ["store"]);
    await run.kill();
  });

  it("need no port where they are not enabled", async () => {
    await occupy();
    const { status, stderr } = await kflow.run([...args, "--set", "metrics.enabled=false"]);
    assert.equal(status, 0);
    assert.doesNotMatch(stderr, /metrics/i);
  });
});

onServers("metrics of kflow worker", (given) => {
  let flow: ServerFlow;

  before(async () => {
    flow = await given.newFlow();
  });

  it("show how the queue stands, and no secret", { timeout: 90_000 }, async () => {
    const port = await freePort();
    flow.set("metrics.enabled", "true");
    flow.set("metrics.port", String(port));
    flow.set("dag.list.globalConfig.metrics.enabled", "false");
    assert.equal((await flow.worker("list").end()).status, 0);
    const worker = flow.worker("describe", { env: { WORK_MS: "1000" } });
    await worker.sees('"begins"', 1);
    await until(
      async () => valueOf((await page(port, "/metrics")).text, "kflow_pending", "describe") > 0,
      "pending was seen",
    );
    const { text } = await page(port, "/metrics");
    assert.ok(valueOf(text, "kflow_in_flight", "describe") > 0);
    assert.equal((await page(port, "/readyz")).status, 200);
    for (const secret of given.servers.secrets) assert.ok(!text.includes(secret));
    given.printedNoPassword();
    await worker.kill();
  });

  it("say that a worker without its server is alive and not ready", async () => {
    const port = await freePort();
    flow.set("metrics.enabled", "true");
    flow.set("metrics.port", String(port));
    const env = { KFLOW_NATS_ADDR: `nats://127.0.0.1:${await freePort()}` };
    const worker = flow.worker("describe", { env });
    await worker.sees("Cannot start yet");
    assert.deepEqual(await page(port, "/readyz"), { status: 503, text: "not ready: starting\n" });
    assert.equal((await page(port, "/livez")).status, 200);
    worker.signal("SIGTERM");
    assert.equal((await worker.end()).status, 143);
  });
});
