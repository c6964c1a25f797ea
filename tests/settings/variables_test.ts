import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import process from "node:process";
import { variablesIn } from "../../src/settings/variables.ts";

describe("variablesIn()", () => {
  it("finds what an object has, and nothing that every object inherits", () => {
    const variable = variablesIn({ A: "1", EMPTY: "" });
    assert.deepEqual([variable("A"), variable("EMPTY"), variable("B")], ["1", "", undefined]);
    for (const name of ["constructor", "toString", "__proto__"]) {
      assert.equal(variable(name), undefined);
      assert.equal(variablesIn(process.env)(name), undefined);
    }
    assert.equal(variablesIn(process.env)("PATH"), process.env.PATH);
  });
});
