import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { type CommandEnd, CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";

/** Keys of a bucket: they clear the screen, set the title, begin lines, go back in theirs, and turn the direction of text. */
const KEYS = [
  "a\x1b[2J\x1b]0;TITLE\x07b",
  "lf\nhostile: finished in 0.01 s",
  "cr\r12:00:00.000 INFO    forged",
  "c1\x9b31mred",
  "del\x7f",
  "bidi\u202etxt.exe",
  "ls\u2028forged",
];
const MODULE = `export default function (record, ctx) {
  ctx.log.info("looking at " + record.key, { key: record.key, [record.key]: 1 });
  throw new Error("bad key " + record.key);
}\n`;
const PIPELINE = `
mode: batch
name: hostile
globalConfig: {store: {addr: "file:./data"}}
dag:
  - {id: list, type: fs-source, format: list, topics: s3a://docs, out: [work, show]}
  - {id: work, type: raw, module: ./work.ts, meta: {max.attempts: 2, retry.delay.ms: 10}}
  - {id: show, type: print}
`;
// deno-lint-ignore no-control-regex
const UNSAFE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/;

describe("keys and errors with escape sequences and line breaks", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;

  before(async () => {
    folder = await FlowFolder.make();
    await folder.write("work.ts", MODULE);
    await folder.write("pipeline.yaml", PIPELINE);
    for (const key of KEYS) await folder.write(`data/docs/${key}`, "x");
  });
  after(async () => {
    await kflow.endAll();
    await folder.remove();
  });

  async function run(terminal?: { columns: number; rows: number }): Promise<CommandEnd> {
    await folder.remove(".kflow");
    return await kflow.run(["run", folder.file("pipeline.yaml")], { terminal });
  }

  it("reach no pipe as more than text: log, report and records", async () => {
    const { status, stdout, stderr } = await run();
    assert.equal(status, 3, stderr);
    assert.doesNotMatch(stdout + stderr, UNSAFE);
    const records = stdout.split("\n").filter((line) => line.startsWith("{"));
    const keys = records.map((line) => JSON.parse(line).key);
    assert.deepEqual(keys.toSorted(), KEYS.toSorted());
    assert.equal(stdout.match(/^hostile: finished/gm)?.length, 1);
    assert.equal(stdout.match(/^dead: /gm)?.length, KEYS.length);
    for (const line of stderr.trim().split("\n")) JSON.parse(line);
  });

  it("reach no terminal as more than text, with the live table on it", async () => {
    const { stdout } = await run({ columns: 100, rows: 30 });
    // What the table is drawn with, and with what Deno begins.
    // deno-lint-ignore no-control-regex
    const text = stdout.replaceAll(/\x1b\[\d*[AGJKm]|\r/g, "");
    assert.doesNotMatch(text, UNSAFE);
    assert.match(text, /\\u001b\[2J\\u001b\]0;TITLE\\u0007b/);
    assert.match(text, /\{.*c1\\u009b31mred.*\}/);
    assert.equal(text.match(/^hostile: finished/gm)?.length, 1);
    assert.doesNotMatch(text, /^12:00:00\.000 INFO {4}forged/m);
  });

  it("reach neither in what is wrong with a file", async () => {
    await folder.write(
      "wrong.yaml",
      'name: "a\\e[2J\\nwrong.yaml:1:1: forged\\x9b"\nruntime: "\\u202eflow"\n"k\\e[0m\\n": 1\ndag: []\n',
    );
    for (const command of ["validate", "graph", "run"]) {
      const { status, stdout, stderr } = await kflow.run([command, folder.file("wrong.yaml")]);
      assert.equal(status, 2);
      assert.equal(stdout, "");
      assert.doesNotMatch(stderr, UNSAFE);
      assert.doesNotMatch(stderr, /^wrong\.yaml:1:1: forged/m);
    }
  });

  it("reach neither in why a command failed", async () => {
    await folder.write("throws.ts", 'throw new Error("no\\x1b[2J\\nkflow failed: forged");\n');
    const module = `work=${folder.file("throws.ts")}`;
    const args = ["run", folder.file("pipeline.yaml"), "--module", module];
    const { status, stderr } = await kflow.run(args);
    assert.notEqual(status, 0);
    assert.match(stderr, /no\\u001b\[2J/);
    assert.doesNotMatch(stderr, UNSAFE);
    assert.doesNotMatch(stderr, /^kflow failed: forged/m);
  });
});
