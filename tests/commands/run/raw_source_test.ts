import { after, afterEach, before, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { onServers } from "../../support/commands/on_servers.ts";
import { countsOf } from "../../support/commands/quickstart.ts";

const SIDE_OUTS = new URL("../../pipeline/fixtures/side-outs.yaml", import.meta.url);

describe("raw-source on the command line", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;

  beforeEach(async () => {
    folder = await FlowFolder.make();
  });
  afterEach(() => folder.remove());
  after(() => kflow.endAll());

  it("examples/raw-source prints what its expected.txt says", async () => {
    const example = await FlowFolder.make("raw-source");
    const { status, stdout, stderr } = await kflow.run(["run", example.file("pipeline.yaml")]);
    const expected = new TextDecoder().decode(await example.read("expected.txt"));
    await example.remove();
    assert.equal(status, 0, stderr);
    assert.ok(stdout.startsWith(expected), stdout);
    assert.deepEqual(countsOf(stdout, "measure"), [0, 12, 0, 0, 0]);
    assert.deepEqual(countsOf(stdout, "show"), [12, 0, 0, 0, 0]);
  });

  it("runs side-outs.yaml of the product document, with modules from outside", async () => {
    await folder.write("side-outs.yaml", await readFile(SIDE_OUTS));
    await folder.write(
      "generate.ts",
      `export default function* () {
        for (let n = 0; n < 10; n++) yield { id: "r" + n, msg: n % 5 === 0 ? "" : "hello " + n };
      }\n`,
    );
    await folder.write(
      "forward.ts",
      `export default (record, ctx) => {
        if (record.msg === "") {
          const side = ctx.newRecord("mysideout");
          side.err = "the message was empty";
          side.id = record.id;
          void ctx.toSideStream("mysideout", side);
        }
        return record;
      };\n`,
    );
    const run = kflow.start([
      "run",
      folder.file("side-outs.yaml"),
      "--module",
      `generate=${folder.file("generate.ts")}`,
      "--module",
      `forward=${folder.file("forward.ts")}`,
    ]);
    await run.sees(/"id":"r\d"\}\n/, 12);
    run.signal("SIGTERM");
    const { status, stdout, stderr } = await run.end();
    assert.equal(status, 0, stderr);
    const lines = stdout.split("\n").filter((line) => line.startsWith("{")).sort();
    const main = Array.from(
      { length: 10 },
      (_, n) => JSON.stringify({ msg: n % 5 === 0 ? "" : `hello ${n}`, id: `r${n}` }),
    );
    const side = ["r0", "r5"].map((id) => JSON.stringify({ err: "the message was empty", id }));
    assert.deepEqual(lines, [...main, ...side].sort());
    assert.deepEqual(countsOf(stdout, "generate"), [0, 10, 0, 0, 0]);
  });

  it("says what is wrong with a record or a module in one line", async () => {
    const schema = '{"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}';
    await folder.write(
      "p.yaml",
      `mode: batch\ndag:\n  - {id: gen, type: raw-source, module: ./gen.ts, schema: '${schema}', out: [show]}\n` +
        "  - {id: show, type: print}\n",
    );
    await folder.write("gen.ts", 'export default [{ n: 1 }, { n: "x" }];\n');
    const bad = await kflow.run(["run", folder.file("p.yaml")]);
    assert.equal(bad.status, 1);
    assert.match(
      bad.stderr,
      /^Cannot send the record at position 1 of task "gen": [^:]*: n: [^\n]*$/m,
    );
    assert.doesNotMatch(bad.stderr, /\n +at /);
    await folder.write("gen.ts", "export default class {}\n");
    const useless = await kflow.run(["run", folder.file("p.yaml")]);
    assert.equal(useless.status, 2);
    assert.match(useless.stderr, /gen\.ts: cannot use it as the function of task "gen": /);
  });
});

onServers("raw-source on NATS", (given) => {
  const codec = new AvroCodec();
  let folder: FlowFolder;

  before(async () => {
    folder = await FlowFolder.make();
  });
  after(() => folder?.remove());

  for (const [how, signal] of [["stopped", "SIGTERM"], ["killed", "SIGKILL"]] as const) {
    it(`goes on after it was ${how}, and stores every record once`, async () => {
      const schema = '{"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}';
      const flow = `raw-${how}`;
      await folder.write(
        "p.yaml",
        `mode: batch
dag:
  - {id: gen, type: raw-source, module: ./gen.ts, partitionBy: n, schema: '${schema}', meta: {rate: 2000, limit: 6000}, out: [show]}
  - {id: show, type: print}
`,
      );
      await folder.write(
        "gen.ts",
        `export default function* () {
          for (let n = 0;; n++) {
            if (n % 100 === 0) console.error("made " + n);
            yield { n };
          }
        }\n`,
      );
      const { kflow, servers } = given;
      const args = ["worker", folder.file("p.yaml"), "--task", "gen"];
      const env = { ...servers.environment(), KFLOW_FLOW_ID: flow };
      const first = kflow.start(args, { env });
      await first.sees("made 3000\n");
      first.signal(signal);
      await first.end();
      const second = await kflow.run(args, { env });
      assert.equal(second.status, 0, second.stderr);
      assert.match(second.stderr, /Source goes on where it was/);
      const messages = await servers.messages(`kflow-${flow}-show`);
      const read = codec.parse(schema);
      assert.deepEqual(
        messages.map(({ body }) => read.decode(body).n),
        Array.from({ length: 6000 }, (_, n) => n),
      );
      assert.equal(messages[4321]!.headers["Kflow-Partition"], "4321");
      const third = await kflow.run(args, { env });
      assert.equal(third.status, 0);
      assert.match(third.stderr, /is finished for task/);
    });
  }
});
