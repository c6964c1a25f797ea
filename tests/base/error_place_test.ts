import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { placeOf } from "../../src/base/error_place.ts";
import { AckError } from "../../src/api/ack_error.ts";

function stack(...frames: string[]): Error {
  const error = new Error("x");
  error.stack = ["Error: x", ...frames.map((frame) => `    at ${frame}`)].join("\n");
  return error;
}

describe("the place of an error", () => {
  it("is the line of the user's code that threw it", () => {
    const thrown = (() => new TypeError("wrong"))();
    assert.match(placeOf(thrown)!, /^error_place_test\.ts:\d+:\d+$/);
  });

  it("passes over frames of kflow, of packages and of the runtime", () => {
    const own = new URL("../../src/runtime/worker/worker_loop.ts", import.meta.url);
    assert.equal(
      placeOf(stack(
        `Foo.bar (${own.href}:1:2)`,
        `bar (${own.pathname}:1:2)`,
        "parse (file:///home/u/node_modules/p/index.js:9:9)",
        "node:internal/x:1:1",
        "ext:core/01.js:4:4",
        "/$bunfs/root/kflow:3:3",
        "async process (file:///home/u/my%20flow/f.ts:3:9)",
        "main (/home/u/other.ts:7:1)",
      )),
      "f.ts:3:9",
    );
  });

  it("is unknown for what has no stack", () => {
    for (
      const thrown of [undefined, "text", stack(), Object.assign(new AckError("x"), { stack: 5 })]
    ) {
      assert.equal(placeOf(thrown), undefined);
    }
  });
});
