import { after, afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";

const PIPELINE = `
mode: batch
name: around
globalConfig: {store: {addr: "file:./data"}}
dag:
  - {id: list, type: fs-source, format: list, topics: s3a://docs, meta: {checkpoint: true}, out: [show]}
  - {id: show, type: print}
`;

describe("kflow run, with something wrong around it", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;

  beforeEach(async () => {
    folder = await FlowFolder.make();
    await folder.write("pipeline.yaml", PIPELINE);
    await folder.write("data/docs/one.txt", "one");
  });
  afterEach(() => folder.remove());
  after(() => kflow.endAll());

  const run = () => kflow.start(["run", folder.file("pipeline.yaml")]);

  async function manyDocuments(): Promise<void> {
    const files = Array.from({ length: 3000 }, (_, i) => `data/docs/${i}.txt`);
    await Promise.all(files.map((file) => folder.write(file, "more")));
  }

  it("ends when all that it prints is read, however late that is", async () => {
    await manyDocuments();
    const command = kflow.start(["run", folder.file("pipeline.yaml")], { unread: "stdout" });
    // Either it has done all and waits for its reader, or it waits with work to do.
    const deadline = Date.now() + 1500;
    const isDone = async () =>
      (await folder.read(".kflow/around.changes").catch(() => [])).length > 3000 * 33;
    while (!await isDone() && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    command.read();
    const { status, stdout, stderr } = await command.end();
    assert.equal(status, 0, stderr);
    assert.equal(stdout.match(/^\{"url"/gm)?.length, 3001);
    assert.match(stdout, /^around: finished in .*\n$/m);
  });

  it("stops with 141 when its reader closes the pipe", async () => {
    await manyDocuments();
    const command = run();
    command.closeStdout();
    const { status, stderr } = await command.end();
    assert.equal(status, 141);
    assert.match(stderr, /^\{[^\n]*"Stopping: [^\n]*"signal":"SIGPIPE"[^\n]*\}\n$/);
  });

  it("names an invalid state file, and what to do", async () => {
    for (const text of ['{"half', "[]", "5"]) {
      const file = await folder.write(".kflow/around.json", text);
      const { status, stdout, stderr } = await run().end();
      assert.equal(status, 1);
      assert.equal(stdout, "");
      assert.match(stderr, /^Cannot read the state file ".*": .*; remove it to start anew\n$/);
      assert.ok(stderr.includes(file), stderr);
    }
  });

  it("names a state file that is not UTF-8, and where", async () => {
    const latin1 = (text: string) => Uint8Array.from(text, (sign) => sign.charCodeAt(0));
    const key = "x".repeat(100);
    for (
      const [name, text, at] of [
        [".kflow/around.json", `{"${key}Stra\xdfe": 1}`, 106],
        [".kflow/around.changes", `["a", "${key}Stra\xdfe"]\n`, 111],
      ] as const
    ) {
      await folder.remove(".kflow");
      await folder.write(name, latin1(text));
      const { status, stderr } = await run().end();
      assert.equal(status, 1);
      const problem = `it is not UTF-8 at byte ${at}, counted from 0`;
      assert.equal(
        stderr,
        `Cannot read the state file "${folder.file(name)}": ${problem}; remove it to start anew\n`,
      );
    }
  });

  it("names a state folder that cannot be used, and what to do", async () => {
    await folder.write(".kflow", "a file");
    const { status, stdout, stderr } = await run().end();
    assert.equal(status, 1);
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /^Cannot use the state folder ".*": .*; give another with KFLOW_STATE_DIR\n$/,
    );
    assert.ok(stderr.includes(folder.file(".kflow")), stderr);
  });

  it("keeps its state where KFLOW_STATE_DIR says", async () => {
    const env = { KFLOW_STATE_DIR: folder.file("else where/state") };
    const { status, stderr } = await kflow.run(["run", folder.file("pipeline.yaml")], { env });
    assert.equal(status, 0, stderr);
    assert.deepEqual([...(await folder.files("else where/state")).keys()], ["around.changes"]);
    assert.equal((await folder.files(".kflow")).size, 0);
  });
});
