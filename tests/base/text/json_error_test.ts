import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { findJsonError } from "../../../src/base/text/json_error.ts";

const DEPTH = 500;
const PLACES: readonly ((unit: string) => string)[] = [
  (unit) => `${unit}{"a":1}`,
  (unit) => `{${unit}"a":1}`,
  (unit) => `{"a"${unit}:1}`,
  (unit) => `{"a":1${unit}}`,
  (unit) => `{"a":1}${unit}`,
  (unit) => `["x${unit}"]`,
  (unit) => `["\\${unit}"]`,
  (unit) => `["\\u00${unit}0"]`,
  (unit) => `[1${unit}2]`,
  (unit) => `[-${unit}0]`,
  (unit) => `[0.${unit}]`,
  (unit) => `[1e${unit}0]`,
  (unit) => `[t${unit}rue]`,
];

/** All that Unicode counts as white space is in these. */
function* units(): Generator<number> {
  for (let unit = 0; unit < 0x3100; unit++) yield unit;
  for (let unit = 0xfe00; unit <= 0xffff; unit++) yield unit;
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("findJsonError()", () => {
  it("agrees with JSON.parse() on white space, controls and letters at every kind of place", () => {
    const others: string[] = [];
    for (const unit of units()) {
      for (const place of PLACES) {
        const text = place(String.fromCharCode(unit));
        if (parses(text) !== (findJsonError(text, DEPTH) === undefined)) {
          others.push(`U+${unit.toString(16)} in ${JSON.stringify(text)}`);
        }
      }
    }
    assert.deepEqual(others, []);
  });

  it("names the place of what follows the end, whatever counts as white space elsewhere", () => {
    assert.deepEqual(findJsonError("{\n} \n \u00a0", DEPTH), {
      line: 3,
      column: 2,
      problem: "text after the end",
    });
  });
});
