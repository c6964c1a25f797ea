import { after, afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { countsOf } from "../../support/commands/quickstart.ts";

const PIPELINE = `
mode: MODE
name: isolated
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [work], schema: 'SCHEMA'}
  - id: work
    type: raw
    module: ./work.ts
    meta: {isolate: true, retry.delay.ms: 10, max.attempts: 2, MORE}
    schema: 'SCHEMA'
    out: [show]
  - {id: show, type: print}
`.replaceAll("SCHEMA", '{"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}');

describe("meta.isolate on the command line", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;

  beforeEach(async () => {
    folder = await FlowFolder.make();
    await folder.write("make.ts", "export default [0, 1, 2, 3].map((n) => ({ n }));\n");
    await folder.write("parts/twice.ts", "export const twice = (n: number): number => 2 * n;\n");
  });
  afterEach(() => folder.remove());
  after(() => kflow.endAll());

  async function pipeline(
    work: string,
    { mode = "batch", more = "size: 1" } = {},
  ): Promise<string> {
    await folder.write("work.ts", work);
    return await folder.write(
      "pipeline.yaml",
      PIPELINE.replace("MODE", mode).replace("MORE", more),
    );
  }

  it(
    "runs a module from disk with kflow, modules of its own and TypeScript in it, in another thread",
    async () => {
      const file = await pipeline(`
      import { AckError, type Context } from "kflow";
      import { twice } from "./parts/twice.ts";

      interface Numbered { n: number }
      export default function (record: Numbered, ctx: Context): Numbered {
        if (record.n === 1) throw new AckError("not this one " + ctx.task);
        const { Bun, WorkerGlobalScope } = globalThis as Record<string, { isMainThread?: boolean }>;
        ctx.log.info("in the main thread: " + (Bun ? Bun.isMainThread : !WorkerGlobalScope));
        console.error("printed from the Worker");
        return { n: twice(record.n) };
      }
    `);
      const { status, stdout, stderr } = await kflow.run(["run", file]);
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^\{"n":0\}\n\{"n":4\}\n\{"n":6\}$/m);
      assert.match(stderr, /Record given up by the function.*not this one work/);
      assert.match(stderr, /in the main thread: false/);
      assert.match(stderr, /printed from the Worker/);
      assert.deepEqual(countsOf(stdout, "work"), [4, 3, 1, 0, 0]);
    },
  );

  it(
    "makes a record that hangs a dead letter, and the process ends with status 3",
    async () => {
      const file = await pipeline(
        "export default ({ n }) => { if (n === 1) for (;;); return { n }; };\n",
        { more: "max.processing.ms: 600" },
      );
      const { status, stdout, stderr } = await kflow.run(["run", file]);
      assert.equal(status, 3, stderr);
      assert.match(stdout, /^\{"n":0\}\n\{"n":2\}\n\{"n":3\}$/m);
      assert.match(
        stdout,
        /function of task "work" took longer than meta\.max\.processing\.ms allows \(600 ms\)/,
      );
      assert.equal((stderr.match(/The Worker has ended; another is started/g) ?? []).length, 2);
      assert.deepEqual(countsOf(stdout, "work"), [5, 3, 2, 1, 1]);
    },
  );

  it(
    "survives a function that ends the process or throws where nothing catches it",
    async () => {
      const file = await pipeline(`
      import process from "node:process";
      export default async ({ n }, ctx) => {
        if (n === 1) process.exit(0);
        if (n === 2) {
          setTimeout(() => { throw new RangeError("out of reach"); });
          await new Promise(() => {});
        }
        return { n };
      };
    `);
      const { status, stdout, stderr } = await kflow.run(["run", file]);
      assert.equal(status, 3, stderr);
      assert.match(stdout, /^\{"n":0\}\n\{"n":3\}$/m);
      assert.match(stdout, /it called exit\(0\)/);
      assert.match(stdout, /RangeError: out of reach/);
      assert.deepEqual(countsOf(stdout, "work"), [6, 2, 4, 2, 2]);
    },
  );

  const unusable: [string, string, RegExp][] = [
    ["has no default export", "export const x = 1;", /it has no default export/],
    ["throws when it is loaded", 'throw new Error("no\\nluck");', /: no luck \(work\.ts:1:\d+\); /],
    ["imports what is not there", 'import "./nowhere.ts";', /nowhere\.ts/],
    [
      "ends the process when it is loaded",
      "import p from 'node:process'; p.exit(5);",
      /it called exit\(5\)/,
    ],
  ];
  for (const [what, text, message] of unusable) {
    it(`with a module that ${what} is one line and status 2`, async () => {
      const { status, stdout, stderr } = await kflow.run(["run", await pipeline(text)]);
      assert.equal(status, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, /^[^\n]*work\.ts: cannot use it as the function of task "work": /m);
      assert.match(stderr, message);
      assert.match(stderr, /[^.]; correct the module, or give another with module: or --module\n$/);
      assert.doesNotMatch(stderr, /^ +at /m);
    });
  }

  it("finishes the running call at SIGTERM, closes the function and exits", async () => {
    const file = await pipeline(
      `export default {
        process({ n }, ctx) {
          console.error("begins " + n);
          const end = Date.now() + 1500;
          while (Date.now() < end);
          console.error("ends " + n);
          return { n };
        },
        close() { console.error("function closed"); },
      };\n`,
      { mode: "streaming" },
    );
    // What has no mode is streaming.
    await folder.write(
      "pipeline.yaml",
      PIPELINE.replace("mode: MODE\n", "").replace("MORE", "size: 1"),
    );
    const run = kflow.start(["run", file]);
    await run.sees("begins 0");
    run.signal("SIGTERM");
    const { status, stdout, stderr } = await run.end();
    assert.equal(status, 0, stderr);
    assert.match(stderr, /ends 0/);
    assert.match(stderr, /function closed/);
    assert.deepEqual(countsOf(stdout, "work"), [1, 1, 0, 0, 0]);
  });

  it(
    "exits at the end of the grace while the function computes, and at a second signal at once",
    async () => {
      const file = await pipeline(
        'export default () => { console.error("begins"); for (;;); };\n',
        { more: "max.poll.interval.ms: 60000" },
      );
      const grace = kflow.start(["run", file], { env: { KFLOW_SHUTDOWN_GRACE_MS: "300" } });
      await grace.sees("begins");
      grace.signal("SIGTERM");
      assert.equal((await grace.end(10_000)).status, 143);
      const twice = kflow.start(["run", file]);
      await twice.sees("begins");
      twice.signal("SIGTERM");
      await twice.sees("Stopping");
      twice.signal("SIGTERM");
      assert.equal((await twice.end(5_000)).status, 143);
    },
  );

  it("of max.processing.ms alone is a mistake with a hint", async () => {
    const file = await pipeline("export default () => {};\n", { more: "max.processing.ms: 5" });
    const text = new TextDecoder().decode(await folder.read("pipeline.yaml"));
    await folder.write("pipeline.yaml", text.replace("isolate: true, ", ""));
    const { status, stderr } = await kflow.run(["validate", file]);
    assert.equal(status, 2);
    assert.match(
      stderr,
      /max\.processing\.ms: only a function in a Worker of its own can be ended; add "isolate: true" or remove it/,
    );
  });
});
