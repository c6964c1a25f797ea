import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { symlink } from "node:fs/promises";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";

const SCHEMA = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';
const PIPELINE = `
mode: batch
name: ended
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${SCHEMA}', out: [work]}
  - {id: work, type: raw, module: ./work.ts}
`;

describe("a function that ends the process", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;

  before(async () => {
    folder = await FlowFolder.make();
    await folder.write("pipeline.yaml", PIPELINE);
    await folder.write("make.ts", "export default [{ n: 1 }, { n: 2 }];\n");
  });
  after(async () => {
    await kflow.endAll();
    await folder.remove();
  });

  const ways = {
    "in a call": "export default () => process.exit(0);",
    "with a status of its own": "export default () => process.exit(3);",
    "when it is loaded": "process.exit(0); export default () => {};",
    "by the runtime's own exit":
      "export default () => { if (globalThis.Deno) Deno.exit(0); process.exitCode = 0; process.exit(); };",
  };
  for (const [way, code] of Object.entries(ways)) {
    it(`${way} never makes a run look done`, async () => {
      await folder.write("work.ts", `import process from "node:process";\n${code}\n`);
      const { status, stderr } = await kflow.run(["run", folder.file("pipeline.yaml")]);
      assert.equal(status, 1, stderr);
      assert.match(
        stderr,
        /"CRITICAL","message":"A function has ended the process with exit\(\d\)/,
      );
    });
  }

  const errors = {
    "a promise that is not awaited":
      'export default () => { Promise.reject(new TypeError("left behind")); };',
    "a timer":
      'export default () => new Promise(() => setTimeout(() => { throw new TypeError("left behind"); }, 1));',
  };
  for (const [way, code] of Object.entries(errors)) {
    it(`by an error of ${way} is named, with its class and place`, async () => {
      await folder.write("work.ts", `${code}\n`);
      const { status, stderr } = await kflow.run(["run", folder.file("pipeline.yaml")]);
      assert.equal(status, 1, stderr);
      const critical = stderr.split("\n").filter((line) => line.includes('"CRITICAL"'));
      assert.equal(critical.length, 1, stderr);
      const { message, error, class: name, at } = JSON.parse(critical[0]!);
      assert.match(message, /^An error that no code handles ends the process/);
      assert.deepEqual([error, name], ["left behind", "TypeError"]);
      assert.match(at, /^work\.ts:1:\d+$/);
    });
  }

  it("does not end it by an error that its own listener handles", async () => {
    await folder.write(
      "work.ts",
      `import process from "node:process";
      process.on("unhandledRejection", () => {});
      export default () => { Promise.reject(new TypeError("left behind")); };\n`,
    );
    const { status, stderr } = await kflow.run(["run", folder.file("pipeline.yaml")]);
    assert.equal(status, 0, stderr);
  });

  it("has no part in the status of one that does not", async () => {
    await folder.write("work.ts", "export default () => {};\n");
    const { status, stderr } = await kflow.run(["run", folder.file("pipeline.yaml")]);
    assert.equal(status, 0, stderr);
  });

  it("a report does not replace what is not a regular file", async () => {
    await folder.write("work.ts", "export default () => {};\n");
    await folder.write("real.json", "{}");
    await symlink(folder.file("real.json"), folder.file("link.json"));
    for (const path of [folder.file("link.json"), "/dev/null"]) {
      const run = ["run", folder.file("pipeline.yaml"), "--report", path];
      const { status, stdout, stderr } = await kflow.run(run);
      assert.equal(status, 1);
      assert.equal(stdout, "");
      assert.match(
        stderr,
        /^Cannot write the report ".*": it is not a regular file; give another file/,
      );
    }
  });
});
