import { after, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { CommandLine } from "../../support/commands/command.ts";
import { RUNTIMES } from "../../support/runtimes.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { onServers } from "../../support/commands/on_servers.ts";
import { SLOW_MODULE } from "../../support/commands/quickstart.ts";

describe("--report of kflow run", () => {
  const kflow = new CommandLine();
  const folders: FlowFolder[] = [];
  let folder: FlowFolder;
  beforeEach(async () => {
    folder = await FlowFolder.make("quickstart");
    folders.push(folder);
    await folder.write("slow.ts", SLOW_MODULE);
  });
  after(async () => {
    await kflow.endAll();
    for (const each of folders) await each.remove();
  });

  async function read(path: string) {
    return JSON.parse(new TextDecoder().decode(await folder.read(path)));
  }

  for (const runtime of RUNTIMES) {
    it(`writes on ${runtime} what the report says and more, with dead letters`, async () => {
      const began = Date.now();
      const { status, stdout } = await kflow.run([
        "run",
        folder.file("pipeline.yaml"),
        "--set",
        "dag.describe.module=./slow.ts",
        "--set",
        "dag.describe.meta.max.attempts=1",
        "--report",
        folder.file("reports/today.json"),
      ], { runtime, env: { BAD_KEY: "empty.txt", WORK_MS: "5" } });
      assert.equal(status, 3, stdout);
      const report = await read("reports/today.json");
      assert.equal(report.flow, "quickstart");
      assert.equal(report.mode, "batch");
      assert.equal(report.finished, true);
      assert.match(report.run, /^[0-9a-f-]{36}$/);
      assert.ok(report.milliseconds > 0 && Date.parse(report.startedAt) >= began - 1000);
      const [list, describe, store] = report.tasks;
      assert.deepEqual([list.task, list.type, list.counts.out], ["list", "fs-source", 32]);
      assert.equal(describe.counts.in, 32);
      assert.equal(describe.counts.out, 31);
      assert.equal(describe.counts.errors, 1);
      assert.deepEqual(describe.errorsByClass, { Error: 1 });
      assert.equal(describe.bytes.in, list.bytes.out);
      assert.equal(store.bytes.in, describe.bytes.out);
      assert.ok(describe.bytes.out > 0);
      const { count, sum, p50, p95, p99 } = describe.times.processing;
      assert.equal(count, 32);
      assert.ok(p50 >= 4 && p50 <= p95 && p95 <= p99 && sum >= 31 * 4);
      assert.equal(describe.times.downloading.count, 32);
      assert.equal(list.times.processing.p50, null);
      assert.ok(began <= Date.parse(describe.firstRecordAt));
      assert.ok(Date.parse(describe.firstRecordAt) < Date.parse(describe.lastRecordAt));
      const [letter] = describe.deadLetters.named;
      assert.equal(describe.deadLetters.unnamed, 0);
      assert.equal(letter.error, "not this one");
      assert.equal(letter.record, "docs/empty.txt");
      assert.equal(letter.attempts, 1);
      assert.match(stdout, /^dead: describe docs\/empty\.txt after 1 attempts: not this one$/m);
    });
  }

  it("says before anything runs that it cannot be written", async () => {
    const report = folder.file("pipeline.yaml/report.json");
    const end = await kflow.run(["run", folder.file("pipeline.yaml"), "--report", report]);
    assert.equal(end.status, 1);
    assert.match(
      end.stderr,
      /^Cannot write the report ".*": .*; give another file with --report$/m,
    );
    assert.deepEqual([...await folder.files(".kflow")], []);
  });
});

onServers("--report of kflow worker", (given) => {
  it("writes what this worker has done", { timeout: 90_000 }, async () => {
    const flow = await given.newFlow();
    const worker = flow.worker("list", { report: flow.folder.file("worker.json") });
    assert.equal((await worker.end()).status, 0);
    const text = new TextDecoder().decode(await flow.folder.read("worker.json"));
    for (const secret of given.servers.secrets) assert.ok(!text.includes(secret));
    const { tasks, run } = JSON.parse(text);
    assert.equal(run, "default");
    assert.deepEqual(tasks.map(({ task }: { task: string }) => task), ["list"]);
    assert.equal(tasks[0].counts.out, 32);
  });
});
