import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { printable, printableLine } from "../../../src/base/text/printable.ts";

describe("printable()", () => {
  const all = Array.from({ length: 0x2100 }, (_none, code) => String.fromCharCode(code)).join("");

  it("leaves no control character, no line separator and no mark of direction", () => {
    const left = printable(all + "\ufeff");
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(left, /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
    assert.equal(printable("a\x1b[2J\x9b31m\u202eb"), "a\\u001b[2J\\u009b31m\\u202eb");
  });

  it("leaves everything else as it is", () => {
    const text = "tab\tand\nline, ü, 漢字, שלום, 👩‍🔬 and \\u001b";
    assert.equal(printable(text), text);
  });

  it("does not change the meaning of JSON", () => {
    const value = { [all]: all };
    assert.deepEqual(JSON.parse(printable(JSON.stringify(value))), value);
  });

  it("makes one line of several", () => {
    assert.equal(printableLine("one\r\ntwo\nthree\rfour"), "one | two | three\\u000dfour");
  });
});
