import { after, afterEach, before, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { type CommandEnd, CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";

const PIPELINE = `
mode: batch
name: modules
globalConfig: {store: {addr: "file:./data"}}
dag:
  - {id: list, type: fs-source, format: list, topics: s3a://docs, out: [work]}
  - id: work
    type: raw
    meta: {retry.delay.ms: 10, max.attempts: 2}
    schema: '{"type": "record", "name": "r", "fields": [{"name": "key", "type": "string"}]}'
    out: [show]
  - {id: show, type: print}
`;

/** Throws an AckError for "a", and for the rest says what it knows of the class. */
const ACKS = `
import { AckError, AckException, type Context } from "kflow";
import { mark } from "./parts/mark.ts";

export default function (record: { key: string }, ctx: Context) {
  if (record.key === "a") throw new AckError("never mind " + ctx.task);
  return { key: record.key + mark(AckError === AckException) };
}
`;
const MARK = `export function mark(isSame: boolean): string { return isSame ? "!" : "?"; }\n`;

describe("a user's module", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;
  let elsewhere: FlowFolder;

  before(async () => {
    elsewhere = await FlowFolder.make();
    await elsewhere.write("of mine/acks.ts", ACKS);
    await elsewhere.write("of mine/parts/mark.ts", MARK);
  });
  beforeEach(async () => {
    folder = await FlowFolder.make();
    await folder.write("pipeline.yaml", PIPELINE);
    for (const key of ["a", "b"]) await folder.write(`data/docs/${key}`, key);
  });
  afterEach(() => folder.remove());
  after(async () => {
    await kflow.endAll();
    await elsewhere.remove();
  });

  function runWith(module: string): Promise<CommandEnd> {
    return kflow.run(["run", folder.file("pipeline.yaml"), "--module", `work=${module}`], {
      // Deno colors what it says of modules.
      env: { NO_COLOR: "" },
    });
  }

  it("in any folder gets the classes of kflow and modules of its own", async () => {
    const { status, stdout, stderr } = await runWith(elsewhere.file("of mine/acks.ts"));
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^\{"key":"b!"\}$/m);
    assert.doesNotMatch(stdout, /"key":"a/);
    assert.match(stderr, /Record given up by the function.*never mind work/);
    assert.match(stdout, /^work +2 +1 +1 +0 +0 /m);
  });

  it("may be given in the file or from the current folder, and be a class", async () => {
    await folder.write(
      "shout.ts",
      `export default class {
        #mark = "";
        open(ctx: { task: string }) { this.#mark = ctx.task; }
        process(record: { key: string }) { return [{ key: record.key.toUpperCase() + this.#mark }]; }
      }\n`,
    );
    await folder.write(
      "pipeline.yaml",
      PIPELINE.replace("type: raw", "type: raw\n    module: ./shout.ts"),
    );
    const { status, stdout, stderr } = await kflow.run(["run", "pipeline.yaml"], {
      cwd: folder.path,
    });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^\{"key":"Awork"\}\n\{"key":"Bwork"\}$/m);
  });

  const unusable: [string, string | undefined, RegExp][] = [
    ["is not there", undefined, /(Module not found|Cannot find module)/],
    ["has no default export", "export const x = 1;", /it has no default export/],
    ["exports a number", "export default 5;", /its default export is a number/],
    [
      "throws when it is loaded",
      'throw new Error("no\\nluck");',
      /: no luck \(unusable\.ts:1:\d+\); /,
    ],
    [
      "imports what is not there",
      'import "./nowhere.ts";\nexport default () => {};',
      /nowhere\.ts/,
    ],
    ["is no TypeScript", "export default (", /unusable\.ts/],
    [
      "is a class that cannot be made",
      'export default class { process() {} constructor() { throw new Error("no luck"); } }',
      /: no luck \(unusable\.ts:1:\d+\);/,
    ],
    [
      "fails as it is loaded",
      '\nJSON.parse("null").model;\nexport default () => {};',
      /: TypeError: .*null.* \(unusable\.ts:2:\d+\);/,
    ],
  ];
  for (const [what, text, message] of unusable) {
    it(`that ${what} is one line and status 2`, async () => {
      if (text !== undefined) await folder.write("unusable.ts", text);
      const { status, stdout, stderr } = await runWith(folder.file("unusable.ts"));
      assert.equal(status, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, /^[^\n]*unusable\.ts: cannot use it as the function of task "work": /);
      assert.match(stderr, message);
      assert.match(stderr, /[^.]; correct the module, or give another with module: or --module\n$/);
      assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
    });
  }

  it("whose open() throws is one line that names the task, and status 1", async () => {
    await folder.write(
      "closed.ts",
      'export default { open() { throw new Error("no key"); }, process() {} };',
    );
    const { status, stderr } = await runWith(folder.file("closed.ts"));
    assert.equal(status, 1);
    assert.match(stderr, /^Cannot open task "work": no key \(closed\.ts:1:\d+\)\n$/);
  });
});
