import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { decodeText } from "../../adapters/shared/node/decode_text.ts";
import { CommandLine } from "../support/commands/command.ts";
import { FlowFolder } from "../support/commands/flow_folder.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const latin1 = (text: string) => Uint8Array.from(text, (sign) => sign.charCodeAt(0));

/** As PowerShell 5 writes it. */
function utf16(text: string): Uint8Array {
  const units = Array.from({ length: text.length }, (_none, i) => text.charCodeAt(i));
  return Uint8Array.from([0xff, 0xfe, ...units.flatMap((unit) => [unit & 255, unit >> 8])]);
}

describe("decodeText()", () => {
  it("reads UTF-8, with and without a byte order mark, and a replacement character that is in the file", () => {
    assert.equal(decodeText(utf8("ü\ufffd漢\n")), "ü\ufffd漢\n");
    assert.equal(decodeText(utf8("\ufeffname: x")), "name: x");
  });

  it("refuses what is not UTF-8, with its line and what to do", () => {
    assert.throws(
      () => decodeText(latin1("a\n\nb: Stra\xdfe\n")),
      /line 3 is not UTF-8 \(at byte 10, counted from 0\); save it as UTF-8/,
    );
    assert.throws(() => decodeText(utf16("name: x")), /it is UTF-16; save it as UTF-8/);
    assert.throws(() => decodeText(utf8("a\nb\0")), /line 2 has a NUL character/);
  });
});

describe("kflow on files that are not UTF-8", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;
  before(async () => {
    folder = await FlowFolder.make();
  });
  after(async () => {
    await kflow.endAll();
    await folder.remove();
  });

  const pipeline = (topics: string) =>
    `mode: batch
name: files
globalConfig: {store: {addr: "file:./data"}}
dag:
  - {id: list, type: fs-source, format: list, topics: "${topics}", out: [show]}
  - {id: show, type: print}
`;

  it("refuses such a pipeline file with status 2 instead of listing nothing", async () => {
    for (
      const [bytes, why] of [
        [
          latin1(pipeline("s3a://docs/Stra\xdfe/")),
          /^\S*p\.yaml: cannot read \(line 5 is not UTF-8 \(at byte \d+, counted from 0\); save it as UTF-8\)\n$/,
        ],
        [
          utf16(pipeline("s3a://docs")),
          /^\S*p\.yaml: cannot read \(it is UTF-16; save it as UTF-8\)\n$/,
        ],
      ] as const
    ) {
      await folder.write("p.yaml", bytes);
      for (const command of ["validate", "run"]) {
        const { status, stdout, stderr } = await kflow.run([command, folder.file("p.yaml")]);
        assert.equal(status, 2, stderr);
        assert.equal(stdout, "");
        assert.match(stderr, why);
      }
    }
  });

  it("refuses such a module, and one that it imports, here and in a Worker", async () => {
    const schema = '{"type": "record", "name": "r", "fields": [{"name": "key", "type": "string"}]}';
    const yaml = pipeline("s3a://docs").replace("out: [show]}", "out: [work]}") +
      `  - {id: work, type: raw, module: ./work.ts, schema: '${schema}', out: [show], meta: {}}\n`;
    await folder.write("data/docs/a", "a");
    const module = 'export default () => ({ key: "Stra\xdfe" });\n';
    const parts: [string, Uint8Array][] = [
      ["work.ts", latin1(module)],
      ["parts/key.ts", latin1(module)],
    ];
    for (const [name, bytes] of parts) {
      await folder.write("work.ts", 'import key from "./parts/key.ts";\nexport default key;\n');
      await folder.write(name, bytes);
      for (const meta of ["meta: {}", "meta: {isolate: true}"]) {
        await folder.write("p.yaml", yaml.replace("meta: {}", meta));
        const { status, stderr } = await kflow.run(["run", folder.file("p.yaml")]);
        assert.equal(status, 2, stderr);
        const place = `${folder.file(name)}: line 1 is not UTF-8 (at byte 34, counted from 0)`;
        assert.ok(stderr.includes(place), stderr);
      }
    }
  });

  it("refuses such files in ${file:} and in a variable with _FILE", async () => {
    const secret = await folder.write("secret", latin1("Stra\xdfe"));
    await folder.write("p.yaml", pipeline("s3a://docs/${file:./secret}"));
    const inFile = await kflow.run(["validate", folder.file("p.yaml")]);
    assert.equal(inFile.status, 2);
    assert.match(inFile.stderr, /line 1 is not UTF-8/);
    await folder.write("p.yaml", pipeline("s3a://docs"));
    const env = { KFLOW_STORE_PASSWORD_FILE: secret };
    const inVariable = await kflow.run(["validate", folder.file("p.yaml")], { env });
    assert.equal(inVariable.status, 2);
    assert.match(inVariable.stderr, /KFLOW_STORE_PASSWORD_FILE: cannot read .*line 1 is not UTF-8/);
  });
});
