import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";

const PIPELINE = `
mode: batch
name: files
globalConfig: {store: {addr: "file:./data"}}
dag:
  - {id: list, type: fs-source, format: list, topics: "s3a://docs", out: [show]}
  - {id: show, type: print}
`;

describe("a directory store with names that are not UTF-8", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;
  before(async () => {
    folder = await FlowFolder.make();
    await folder.write("pipeline.yaml", PIPELINE);
  });
  after(async () => {
    await kflow.endAll();
    await folder.remove();
  });

  for (
    const [where, name] of [["in the bucket", "Gr\\366.txt"], [
      "in a folder of it",
      "deep/Gr\\366.txt",
    ]] as const
  ) {
    it(`is not listed as if they were not there: ${where}`, async () => {
      await makeObjects(name);
      const { status, stderr } = await kflow.run(["run", folder.file("pipeline.yaml")]);
      assert.equal(status, 1, stderr);
      assert.match(stderr, /1 of its names are not UTF-8, such as .*Gr.*\.txt.*; rename them/);
    });
  }

  it("is listed without them by a stream, which warns with their number", async () => {
    await makeObjects("deep/Gr\\366.txt");
    const stream = PIPELINE.replace("batch", "streaming")
      .replace("out: [show]", "meta: {poll.interval.ms: 100}, out: [show]");
    await folder.write("stream.yaml", stream);
    const command = kflow.start(["run", folder.file("stream.yaml")]);
    await command.sees(/"Objects are left out".*1 of its names are not UTF-8/);
    await folder.write("data/docs/later.txt", "x");
    await command.sees(/later\.txt/);
    command.signal("SIGTERM");
    const { status, stdout, stderr } = await command.end();
    assert.equal(status, 0, stderr);
    for (const key of ["plain.txt", "deep/plain.txt"]) {
      assert.ok(stdout.includes(`"key":"${key}"`), stdout);
    }
    assert.equal(stderr.split("Objects are left out").length, 2, "warned once");
  });

  async function makeObjects(name: string): Promise<void> {
    await folder.remove("data");
    await folder.write("data/docs/plain.txt", "x");
    await folder.write("data/docs/deep/plain.txt", "x");
    // Only a shell can make such a name: the runtimes write UTF-8.
    const made = spawnSync("sh", ["-c", `printf x > "$(printf '${name}')"`], {
      cwd: folder.file("data/docs"),
    });
    assert.equal(made.status, 0);
  }
});
