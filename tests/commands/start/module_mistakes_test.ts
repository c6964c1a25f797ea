import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";

const SCHEMA = '{"type": "record", "name": "r", "fields": [{"name": "station", "type": "string"}]}';
const PIPELINE = `
mode: batch
name: mistakes
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [work], schema: '${SCHEMA}'}
  - {id: work, type: raw, module: ./work.ts, schema: '${SCHEMA}', out: [show]}
  - {id: show, type: print}
`;
const GOOD = { "make.ts": "export default [];\n", "work.ts": "export default () => {};\n" };
const MISTAKE = "const a = 1;\nexport default function (r) {\n  return r..key;\n}\n";
const WHAT = "Expected ident";

describe("a mistake of syntax in a module", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;

  before(async () => {
    folder = await FlowFolder.make();
  });
  after(async () => {
    await kflow.endAll();
    await folder.remove();
  });

  async function errorOf(files: Record<string, string>, ...args: string[]): Promise<string> {
    await folder.write("pipeline.yaml", PIPELINE);
    for (const [name, text] of Object.entries({ ...GOOD, ...files })) {
      await folder.write(name, text);
    }
    const [command = "run", ...more] = args;
    const end = await kflow.run([command, folder.file("pipeline.yaml"), ...more]);
    assert.equal(end.status, 2, end.stderr);
    // Other tasks may have logged that they have started.
    return end.stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{")).join("\n");
  }

  /** What the line has to begin with. */
  const saying = (module: string, task: string, place: string) =>
    new RegExp(
      `^${RegExp.escape(folder.file(module))}: cannot use it as the function of task "${task}": ` +
        `${RegExp.escape(folder.file(place))}: ${WHAT}[^|~]*; correct the module`,
    );

  const ways: [string, string[]][] = [
    ["run", ["run"]],
    ["run with isolate", ["run", "--set", "dag.work.meta.isolate=true"]],
    ["serve", ["serve", "--port", "0"]],
  ];
  it(
    "is found before a source makes a record, also where the module is isolated",
    async () => {
      const made = folder.file("made");
      const make = `import { writeFileSync } from "node:fs";
export default function* () { writeFileSync(${
        JSON.stringify(made)
      }, "yes"); yield { station: "a" }; }
`;
      const isolated = ["run", "--set", "dag.work.meta.isolate=true"];
      await errorOf({ "make.ts": make, "work.ts": MISTAKE }, ...isolated);
      assert.equal((await folder.read("made").catch(() => [])).length, 0);
      await folder.write("work.ts", "export default () => {};\n");
      const { status, stderr } = await kflow.run(["run", folder.file("pipeline.yaml")]);
      assert.equal(status, 0, stderr);
      assert.equal((await folder.read("made")).length, 3);
    },
  );

  for (const [way, args] of ways) {
    it(`is reported with file, line and column by ${way}`, async () => {
      const error = await errorOf({ "work.ts": MISTAKE }, ...args);
      assert.match(error, saying("work.ts", "work", "work.ts:3:12"));
    });

    it(`of a module that it imports, by ${way}`, async () => {
      const importing = 'import part from "./parts/a b.ts";\nexport default () => part();\n';
      const error = await errorOf({ "work.ts": importing, "parts/a b.ts": MISTAKE }, ...args);
      assert.match(error, saying("work.ts", "work", "parts/a b.ts:3:12"));
    });
  }

  it("is reported for the module of a source", async () => {
    const error = await errorOf({ "make.ts": MISTAKE });
    assert.match(error, saying("make.ts", "make", "make.ts:3:12"));
  });

  it("is reported with the place of the first of several", async () => {
    const error = await errorOf({ "work.ts": "let a = ;\nlet b = ;\nexport default () => {};\n" });
    assert.ok(error.includes(`${folder.file("work.ts")}:1:9: `), error);
  });
});
