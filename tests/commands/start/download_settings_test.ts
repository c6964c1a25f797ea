import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { type Command, CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";

const MIB = 1024 * 1024;

const WORK = `
export default async function ({ bucket, key }, ctx) {
  ctx.log.info("called", { key, path: ctx.localPath ?? "none" });
  if (ctx.localPath) await ctx.store.upload(ctx.localPath, bucket, "copy/" + key);
}
`;

/** A large object, a small one, and one that is not there. */
const pipeline = (env: string) => `
name: settings
mode: batch
globalConfig: {store: {addr: "file:./data", buckets: [docs]}}
dag:
  - id: make
    type: raw-source
    module: ./make.ts
    out: [work]
    schema: '{"type":"record","name":"p","fields":[{"name":"bucket","type":"string"},{"name":"key","type":"string"}]}'
  - id: work
    type: raw
    module: ./work.ts
    env: ${env}
    globalConfig: {store: {autoDownload: true}}
    meta: {max.attempts: 2, retry.delay.ms: 1}
`;

describe("variables for downloads and uploads, on the command line", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;

  before(async () => {
    folder = await FlowFolder.make();
    const keys = ["large", "small", "missing"];
    const records = keys.map((key) => ({ bucket: "docs", key }));
    await folder.write("make.ts", `export default ${JSON.stringify(records)};`);
    await folder.write("work.ts", WORK);
    await folder.write("data/docs/large", new Uint8Array(2 * MIB));
    await folder.write("data/docs/small", new Uint8Array(MIB));
  });
  after(async () => {
    await kflow.endAll();
    await folder.remove();
  });

  async function run(taskEnv: string, env: Record<string, string>) {
    const file = await folder.write("pipeline.yaml", pipeline(taskEnv));
    const command = kflow.start(["run", file], { env });
    const { status, stderr } = await command.end();
    assert.ok(status === 0 || status === 3, stderr);
    return { status, command };
  }

  function progressOf(command: Command): unknown[][] {
    return linesOf(command).filter(({ message }) => String(message).endsWith(" progress"))
      .map(({ level, task, message, key, percent }) => [level, task, message, key, percent]);
  }

  it(
    "KFLOW_DL_UP_PROGRESS of the environment logs each step of transfers over 1 MiB",
    async () => {
      const { command } = await run("{}", { KFLOW_DL_UP_PROGRESS: "50" });
      assert.deepEqual(progressOf(command), [
        ["INFO", "work", "Download progress", "large", 50],
        ["INFO", "work", "Download progress", "large", 100],
        ["INFO", "work", "Upload progress", "copy/large", 50],
        ["INFO", "work", "Upload progress", "copy/large", 100],
      ]);
      assert.deepEqual((await folder.files("data/docs/copy")).get("large")?.length, 2 * MIB);
    },
  );

  it(
    "KFLOW_DL_UP_PROGRESS of the task's env wins, and without it nothing is told",
    async () => {
      const { command } = await run("{KFLOW_DL_UP_PROGRESS: 100}", { KFLOW_DL_UP_PROGRESS: "1" });
      assert.deepEqual(progressOf(command).map((line) => line.slice(2)), [
        ["Download progress", "large", 100],
        ["Upload progress", "copy/large", 100],
      ]);
      assert.deepEqual(progressOf((await run("{}", {})).command), []);
      const quiet = await run("{}", {
        KFLOW_DL_UP_PROGRESS: "1",
        KFLOW_RUNTIME_LOG_LEVEL: "WARNING",
      });
      assert.deepEqual(progressOf(quiet.command), []);
    },
  );

  it(
    "KFLOW_SKIP_DOWNLOAD_ERROR calls the function without a file, else the record is a dead letter",
    async () => {
      const called = (command: Command) =>
        linesOf(command).filter(({ message }) => message === "called")
          .map(({ key, path }) => [key, path === "none"]);
      const failing = await run("{}", {});
      assert.equal(failing.status, 3);
      assert.match(failing.command.stdout, /the object does not exist/);
      assert.deepEqual(called(failing.command), [["large", false], ["small", false]]);
      for (
        const [taskEnv, env] of [
          ["{}", { KFLOW_SKIP_DOWNLOAD_ERROR: "true" }],
          ["{KFLOW_SKIP_DOWNLOAD_ERROR: true}", { KFLOW_SKIP_DOWNLOAD_ERROR: "false" }],
        ] as const
      ) {
        const skipping = await run(taskEnv, env);
        assert.equal(skipping.status, 0);
        assert.deepEqual(called(skipping.command), [
          ["large", false],
          ["small", false],
          ["missing", true],
        ]);
      }
    },
  );
});

function linesOf(command: Command): Record<string, unknown>[] {
  return command.stderr.split("\n").filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}
