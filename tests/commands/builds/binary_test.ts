import { after, afterEach, before, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import { VERSION } from "../../../src/base/version.ts";
import { buildBinary } from "../../../tools/build_binary.ts";
import { Commands } from "../../../tools/process.ts";
import { type CommandEnd, CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { onServers } from "../../support/commands/on_servers.ts";
import { resultsIn } from "../../support/commands/quickstart.ts";

const SLOW = { timeout: 90_000 };

/** Says which class its error is of, by a module beside it. */
const MODULE = `
import { AckError } from "kflow";
import { wordFor } from "./words/word.ts";
class Refused extends AckError {}
export default function (record: { key: string }) {
  if (record.key === "a") throw new Refused(wordFor(record.key));
  return { key: wordFor(record.key) };
}
`;
const WORD = 'export const wordFor = (key: string): string => "the word for " + key;\n';
const PIPELINE = `
mode: batch
name: words
globalConfig: {store: {addr: "file:./data"}}
dag:
  - {id: list, type: fs-source, format: list, topics: s3a://docs, out: [work]}
  - id: work
    type: raw
    module: ./work.ts
    schema: '{"type": "record", "name": "r", "fields": [{"name": "key", "type": "string"}]}'
    out: [show]
  - {id: show, type: print}
`;

describe("the binary, alone in an empty folder with an empty environment", () => {
  const kflow = new CommandLine();
  const commands = new Commands();
  let built: FlowFolder;
  let folder: FlowFolder;
  let binary: string;

  before(async () => {
    built = await FlowFolder.make();
    await buildBinary(built.file("kflow"), commands);
  }, SLOW);
  beforeEach(async () => {
    folder = await FlowFolder.make();
    binary = folder.file("kflow");
    await copyFile(built.file("kflow"), binary);
  });
  afterEach(() => folder.remove());

  it(
    "has the licences of every package that is in it beside it, and the bill of materials",
    SLOW,
    async () => {
      const program = new TextDecoder("latin1").decode(await built.read("kflow"));
      // What Bun writes above the code of each module.
      const modules = program.matchAll(
        /^\/\/ (?:\.\.\/)*node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\//gm,
      );
      const inside = new Set([...modules].map(([, name]) => name!));
      assert.ok(inside.has("avsc") && inside.has("nats"), [...inside].join());
      const text = new TextDecoder().decode(await built.read("THIRD-PARTY.txt"));
      const named = new Set(
        [...text.matchAll(/^={80}\n(\S+) \d\S* \(/gm)].map(([, name]) => name!),
      );
      assert.deepEqual([...inside].filter((name) => !named.has(name)), []);
      const bill = JSON.parse(new TextDecoder().decode(await built.read("kflow.cdx.json")));
      assert.equal(bill.bomFormat, "CycloneDX");
      assert.match(new TextDecoder().decode(await built.read("LICENSE")), /Apache License/);
    },
  );
  after(async () => {
    await kflow.endAll();
    await built.remove();
  });

  const run = (args: string[], env = {}): Promise<CommandEnd> =>
    kflow.run(args, { binary, cwd: folder.path, env });

  it("says its version, the commit it was made of, and what it can do", SLOW, async () => {
    const { stdout } = await run(["version"]);
    const known = new RegExp(
      `^kflow ${
        RegExp.escape(VERSION)
      } \\(bun [\\d.]+, commit ([0-9a-f]{12}(-changed)?|unknown)\\)\n$`,
    );
    assert.match(stdout, known);
    const help = await run(["--help"]);
    for (const command of ["run", "worker", "validate", "graph"]) {
      assert.match(help.stdout, new RegExp(`^  ${command}\\b`, "m"));
    }
  });

  it("runs the quickstart, and checks and draws it", SLOW, async () => {
    const example = await FlowFolder.make("quickstart");
    const pipeline = example.file("pipeline.yaml");
    const { status, stdout, stderr } = await run(["run", pipeline]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^quickstart: finished in /m);
    const expected = JSON.parse(new TextDecoder().decode(await example.read("expected.json")));
    assert.deepEqual(resultsIn(await example.files("data/results")), expected);
    assert.match(
      (await run(["validate", pipeline])).stdout,
      / is valid: 3 tasks, 2 edges, batch\n$/,
    );
    assert.match((await run(["graph", pipeline])).stdout, /^flowchart LR\n/);
    assert.equal((await run(["validate", "nowhere.yaml"])).status, 2);
    await example.remove();
  });

  it(
    "loads modules from the disk with their own modules, and is the kflow that they import",
    SLOW,
    async () => {
      await folder.write("pipeline.yaml", PIPELINE);
      await folder.write("work.ts", MODULE);
      await folder.write("words/word.ts", WORD);
      // Of the user's own, and none of the binary's business.
      await folder.write(".env", "KFLOW_RUNTIME_LOG_LEVEL=nonsense\n");
      await folder.write("bunfig.toml", 'preload = ["./nowhere.ts"]\n');
      for (const key of ["a", "b"]) await folder.write(`data/docs/${key}`, key);
      for (const meta of ["", "meta: {isolate: true}"]) {
        await folder.write(
          "pipeline.yaml",
          PIPELINE.replace("type: raw", `type: raw\n    ${meta}`),
        );
        const { status, stdout, stderr } = await run(["run", "pipeline.yaml"]);
        assert.equal(status, 0, stderr);
        assert.match(stdout, /^\{"key":"the word for b"\}$/m);
        assert.match(stderr, /Record given up by the function.*the word for a/);
      }
    },
  );

  it("reports where a module has a mistake of syntax", SLOW, async () => {
    await folder.write("data/docs/a", "a");
    await folder.write("words/word.ts", "export const wordFor = (key) => key..length;\n");
    await folder.write("work.ts", MODULE);
    for (const meta of ["", "meta: {isolate: true}"]) {
      await folder.write("pipeline.yaml", PIPELINE.replace("type: raw", `type: raw\n    ${meta}`));
      const { status, stderr } = await run(["run", "pipeline.yaml"]);
      assert.equal(status, 2, stderr);
      assert.ok(stderr.includes(`${folder.file("words/word.ts")}:1:37: Expected ident`), stderr);
    }
  });

  onServers("on servers", (given) => {
    for (const way of ["ws", "tcp"] as const) {
      it(`runs the quickstart over ${way}, whole and by workers`, SLOW, async () => {
        const flow = await given.newFlow();
        const { status, stderr } = await flow.run({ binary, way }).end();
        assert.equal(status, 0, stderr);
        assert.deepEqual(await flow.stored(), await flow.expected());

        const other = await given.newFlow();
        const workers = ["store", "describe", "list"].map((task) =>
          other.worker(task, { binary, way, run: "one" })
        );
        for (const worker of workers) assert.equal((await worker.end()).status, 0, worker.stderr);
        assert.deepEqual(await other.stored(), await other.expected());
      });
    }
  }, SLOW);
});
