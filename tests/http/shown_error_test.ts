import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { shownError, withoutPaths } from "../../src/http/shown_error.ts";

describe("what clients are shown of errors", () => {
  it("is the class and the reason", () => {
    const text = "Error: no\n    at f (/home/me/f.ts:3:9)\nTypeError: it is not a number\n";
    assert.equal(shownError(text), "TypeError: it is not a number");
    assert.equal(shownError(""), "");
  });

  it("has of paths from the root only the last part, and leaves all else as it is", () => {
    const cases: [string, string][] = [
      ["open '/home/me/data/a.csv' failed", "open 'a.csv' failed"],
      ["file:///home/me/f.ts:3:9", "f.ts:3:9"],
      ["(/home/me/f.ts:3:9)", "(f.ts:3:9)"],
      ["ENOENT: /tmp/kflow/x/, retry", "ENOENT: , retry"],
      ["http://host:9000/bucket/key is away", "http://host:9000/bucket/key is away"],
      ["s3a://bucket/a/b", "s3a://bucket/a/b"],
      ["POST /tasks", "POST /tasks"],
      ["2/3 of a/b/c", "2/3 of a/b/c"],
      ["text/html, application/json", "text/html, application/json"],
    ];
    for (const [text, shown] of cases) assert.equal(withoutPaths(text), shown);
  });
});
