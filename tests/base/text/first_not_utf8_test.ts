import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { firstNotUtf8 } from "../../../src/base/text/first_not_utf8.ts";

describe("firstNotUtf8()", () => {
  const before = new TextEncoder().encode("\ufeffaé\ufffd€😀");
  const cases: [what: string, wrong: number[]][] = [
    ["a byte that begins nothing", [0x80]],
    ["a sequence that is cut off", [0xe2, 0x82]],
    ["a sequence that is longer than needed", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["a code point beyond the last", [0xf4, 0x90, 0x80, 0x80]],
  ];
  for (const [what, wrong] of cases) {
    it(`finds ${what}`, () => {
      const bytes = Uint8Array.from([...before, ...wrong, 0x61, 0x80]);
      assert.equal(firstNotUtf8(bytes), before.length);
    });
  }

  it("finds nothing in UTF-8, with replacement characters of its own or a byte order mark", () => {
    assert.equal(firstNotUtf8(before), undefined);
    assert.equal(firstNotUtf8(new Uint8Array()), undefined);
  });
});
