import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { MadeIds } from "../../../src/broker/memory/derived_ids.ts";

const LIMIT = { timeout: 5_000 };
const MANY = 300_000;

describe("MadeIds", () => {
  it("knows each by stream and id, few and many", () => {
    const [one, other] = [{}, {}];
    const made = new MadeIds(one, "0");
    assert.equal(made.add(other, "0"), true);
    for (let i = 1; i < 30; i++) {
      assert.equal(made.add(one, `${i}`), true, `${i}`);
      assert.equal(made.add(other, `${i}`), true, `${i}`);
      for (let known = 0; known <= i; known++) {
        assert.equal(made.add(one, `${known}`), false, `${known} of ${i}`);
        assert.equal(made.add(other, `${known}`), false, `${known} of ${i}`);
      }
    }
  });

  it("does not take longer for each the more there are", LIMIT, () => {
    const stream = {};
    const made = new MadeIds(stream, "0");
    for (let i = 1; i < MANY; i++) made.add(stream, `${i}`);
    assert.equal(made.add(stream, `${MANY - 1}`), false);
  });
});
