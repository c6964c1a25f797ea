import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { load, loadGood, type LoadOptions } from "./support/load.ts";
import { base } from "./support/pipeline_text.ts";

/** What becomes of a text in `meta`. */
async function expanded(text: string, options?: LoadOptions): Promise<string> {
  const yaml = base.plus(`    meta: {text: ${JSON.stringify(text)}}\n`).text;
  return (await loadGood(yaml, options)).tasks[1]!.meta.getString("text");
}

describe("${…} in a pipeline", () => {
  const env = { A: "one", EMPTY: "", SHELL_LIKE: "${A}" };
  const cases: [text: string, becomes: string][] = [
    ["${A}", "one"],
    ["<${A}-${A}>", "<one-one>"],
    ["${MISSING:-x}", "x"],
    ["${EMPTY:-x}", "x"],
    ["${EMPTY}", ""],
    ["${MISSING:-}", ""],
    ["${A:-x}", "one"],
    ["${MISSING:-${A}}", "one"],
    ["${MISSING:-${ALSO:-${A}!}}", "one!"],
    ["${MISSING:-a:-b}", "a:-b"],
    ["$A costs 5$", "$A costs 5$"],
    ["$${A} and ${A}", "${A} and one"],
    ["$$", "$$"],
    ["${SHELL_LIKE}", "${A}"],
    ["{A}", "{A}"],
  ];
  for (const [text, becomes] of cases) {
    it(`${JSON.stringify(text)} becomes ${JSON.stringify(becomes)}`, async () => {
      assert.equal(await expanded(text, { env }), becomes);
    });
  }

  it("a file is read from the pipeline's folder, without the newline at its end", async () => {
    const files = { "/run/secrets/key": "hunter2\n", "/flows/near.txt": "a\nb\r\n" };
    assert.equal(await expanded("${file:/run/secrets/key}", { files }), "hunter2");
    assert.equal(await expanded("${file:near.txt}", { files }), "a\nb");
  });

  it("a schema may come from a file", async () => {
    const files = { "/flows/x.avsc": '{"type": "record", "name": "x", "fields": []}' };
    const plan = await loadGood(base.plus("    schema: ${file:./x.avsc}\n").text, { files });
    assert.deepEqual(plan.tasks[1]!.outputs[0]!.schema, { type: "record", name: "x", fields: [] });
  });

  const wrong: [text: string, problem: string][] = [
    ["${MISSING}", "variable MISSING is not set; set it, or give a default: ${MISSING:-…}"],
    ["${A", '"${" is not closed; add "}", or write "$${" for a plain "${"'],
    ["${file:/none}", 'cannot read file "/none" (ENOENT); check the path and its permissions'],
    ["${file:}", '"${file:}" names no file; write ${file:/path}'],
    [
      "${}",
      '"${…}" must hold a variable or a file; write ${NAME}, ${NAME:-default} or ${file:/path}, or "$${" for a plain "${"',
    ],
    [
      "${my pass}",
      '"${…}" must hold a variable or a file; write ${NAME}, ${NAME:-default} or ${file:/path}, or "$${" for a plain "${"',
    ],
  ];
  for (const [text, problem] of wrong) {
    it(`${JSON.stringify(text)} is a mistake at its place`, async () => {
      const { errors } = await load(base.plus(`    meta:\n      text: "${text}"\n`).text);
      assert.deepEqual(errors, [`p.yaml:11:13 dag[1].meta.text: ${problem}`]);
    });
  }

  it("comments and keys stay as they are", async () => {
    const plan = await loadGood(base.plus("    meta: {'${A}': x} # ${MISSING}\n").text, { env });
    assert.deepEqual(plan.tasks[1]!.meta.keys(), ["${A}"]);
  });

  it("what comes out is text, not YAML", async () => {
    const options = { env: { N: "2", INJECTED: "x\n    type: print" } };
    const { errors } = await load(base.under("parallelism: ${N}\n").text, options);
    assert.deepEqual(errors, [
      'p.yaml:1:14 parallelism: expected integer 1..1000, got string "2"',
    ]);
    assert.equal(await expanded("${INJECTED}", options), "x\n    type: print");
  });

  it("a password from the environment or a file is no literal one", async () => {
    const { warnings } = await load(
      base.but("addr: localhost:9000", "addr: http://u:${P}@h:9000\n    password: ${file:/p}").text,
      { env: { P: "hunter2" }, files: { "/p": "hunter2" } },
    );
    assert.deepEqual(warnings, []);
  });
});
