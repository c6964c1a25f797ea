import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Meta } from "../../src/pipeline/plan/meta.ts";
import { loadGood } from "./support/load.ts";
import { base } from "./support/pipeline_text.ts";

const meta = new Meta(
  "demo",
  new Map<string, unknown>([
    ["increment", 3],
    ["ratio", 0.5],
    ["name", "x"],
    ["bulk.enabled", false],
    ["version", "1"],
    ["list", [1, 2]],
    ["nothing", null],
  ]),
);

describe("Meta", () => {
  it("gives values of the type asked for", () => {
    assert.equal(meta.getInteger("increment"), 3);
    assert.equal(meta.getNumber("ratio"), 0.5);
    assert.equal(meta.getNumber("increment"), 3);
    assert.equal(meta.getString("name"), "x");
    assert.equal(meta.getBoolean("bulk.enabled"), false);
    assert.deepEqual(meta.get("list"), [1, 2]);
    assert.equal(meta.get("missing"), undefined);
  });

  it("gives the default only where the key is missing", () => {
    assert.equal(meta.getInteger("missing", 7), 7);
    assert.equal(meta.getString("missing", undefined), undefined);
    assert.equal(meta.getBoolean("bulk.enabled", true), false);
    assert.equal(meta.getInteger("increment", 7), 3);
  });

  it("names the task and the key that is missing", () => {
    assert.throws(() => meta.getInteger("step"), {
      message: 'Cannot read meta "step" of task "demo": it is missing; add it under meta',
    });
  });

  it("names the type that was found instead, also when there is a default", () => {
    const wrong: [() => unknown, string][] = [
      [() => meta.getInteger("ratio", 1), "expected integer, got number 0.5"],
      [() => meta.getInteger("version"), 'expected integer, got string "1"'],
      [() => meta.getNumber("name"), 'expected number, got string "x"'],
      [() => meta.getString("increment"), "expected string, got number 3"],
      [() => meta.getBoolean("name"), 'expected boolean, got string "x"'],
      [() => meta.getString("list"), "expected string, got list"],
      [() => meta.getString("nothing", "x"), "expected string, got nothing"],
    ];
    for (const [read, problem] of wrong) {
      assert.throws(
        read,
        (error: Error) =>
          error.message.includes('of task "demo"') && error.message.endsWith(problem),
      );
    }
  });

  it("knows its keys", () => {
    assert.deepEqual(meta.keys(), [
      "increment",
      "ratio",
      "name",
      "bulk.enabled",
      "version",
      "list",
      "nothing",
    ]);
    assert.equal(meta.has("name"), true);
    assert.equal(meta.has("nam"), false);
    assert.equal(meta.has("constructor"), false);
  });

  it("has the same keys for nested and dotted spellings, in any mixture", async () => {
    const spellings = [
      "    meta: {a.b.c: 1, a.b.d: x, e: true}\n",
      "    meta: {a: {b: {c: 1, d: x}}, e: true}\n",
      "    meta: {a.b: {c: 1}, a: {b.d: x}, e: true}\n",
    ];
    for (const spelling of spellings) {
      const { tasks } = await loadGood(base.plus(spelling).text);
      const read = tasks[1]!.meta;
      assert.deepEqual(read.keys(), ["a.b.c", "a.b.d", "e"]);
      assert.equal(read.getInteger("a.b.c"), 1);
      assert.equal(read.getString("a.b.d"), "x");
      assert.equal(read.getBoolean("e"), true);
    }
  });
});
