import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { stringify } from "yaml";
import { Secret } from "../../src/base/secret.ts";
import { load } from "./support/load.ts";

const NUMBER = { type: "record", name: "number", fields: [{ name: "value", type: "long" }] };

/** A pipeline as a program gives it; `task` is put into its only task. */
function given(task: object = {}, more: object = {}): object {
  return {
    name: "given",
    ...more,
    dag: [{ id: "in", type: "raw-source", module: "./in.ts", schema: NUMBER, ...task }],
  };
}

describe("a pipeline given as an object", () => {
  it("makes the same plan as its YAML", async () => {
    const document = given({
      env: { A: "${A}" },
      meta: { "max.poll.records": 5, max: { attempts: 4 } },
      out: undefined,
    }, { globalConfig: { store: { addr: new URL("http://localhost:9000"), user: "u" } } });
    const options = { env: { A: "1", KFLOW_S3_PASSWORD: "p" } };
    const own = await load(document, options);
    const written = await load(stringify(JSON.parse(JSON.stringify(document))), options);
    assert.deepEqual(own.errors, []);
    assert.ok(own.plan);
    assert.ok(written.plan);
    const tasks = written.plan.tasks.map((task) => {
      const { line: _line, column: _column, ...place } = task.place!;
      return { ...task, place };
    });
    assert.deepEqual(own.plan, { ...written.plan, tasks });
  });

  it("is not changed", async () => {
    const document = given({ meta: { maxAttempts: 2 }, unknown: 1 });
    const before = structuredClone(document);
    await load(document);
    assert.deepEqual(document, before);
  });

  const cyclic: { dag: unknown[] } = { dag: [] };
  cyclic.dag.push(cyclic);
  const shared = Array.from({ length: 20 }).reduce<unknown>((inner) => [inner, inner, inner], 1);
  const mistakes: [what: string, document: object, errors: string[]][] = [
    ["a wrong type", given({ type: "rew" }), [
      'p.yaml dag[0].type: expected one of fs-source, raw-source, nats-source, raw, s3-sink, elastic-sink, print, got string "rew"',
    ]],
    ["an unknown key", given({ tpye: 1 }), [
      'p.yaml dag[0].tpye: unknown key "tpye"; did you mean "type"?',
    ]],
    ["a function", given({ module: () => 1 }), [
      "p.yaml dag[0].module: is a function; a pipeline is made of plain values",
    ]],
    ["a Secret, of which only *** could be written down", given({ password: new Secret("x") }), [
      "p.yaml dag[0].password: is a Secret; write ${NAME} and give NAME in env",
    ]],
    ["a key that is not allowed", given(JSON.parse('{"__proto__":1}')), [
      "p.yaml dag[0].__proto__: this key is not allowed",
    ]],
    ["one that contains itself", cyclic, [
      "p.yaml: too many values or levels; no pipeline needs so many",
    ]],
    ["one value in many places", { dag: shared }, [
      "p.yaml: too many values or levels; no pipeline needs so many",
    ]],
    ["a list", [], ["p.yaml: expected mapping, got list; a pipeline is a mapping with 'dag'"]],
  ];
  for (const [what, document, errors] of mistakes) {
    it(`is told of ${what}, without a line`, async () => {
      const { plan, errors: told } = await load(document);
      assert.equal(plan, undefined);
      assert.deepEqual(told, errors);
    });
  }
});
