import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { StoreWatch } from "../../src/exporter/store_watch.ts";
import { eventually } from "../support/waiting.ts";

describe("StoreWatch", () => {
  it(
    "asks once for all who want to know, and again only after two seconds",
    async () => {
      let asked = 0;
      const watch = new StoreWatch(() => Promise.resolve(void asked++));
      assert.deepEqual(await Promise.all([watch.isAway(), watch.isAway()]), [false, false]);
      assert.equal(await watch.isAway(), false);
      assert.equal(asked, 1);
      await eventually(async () => !await watch.isAway() && asked === 2, "second question");
    },
  );

  it(
    "says that a store is away whose check fails, and that it is back",
    async () => {
      let isThere = false;
      const watch = new StoreWatch(() => isThere ? Promise.resolve() : Promise.reject(new Error()));
      assert.equal(await watch.isAway(), true);
      isThere = true;
      await eventually(async () => !await watch.isAway(), "its return");
    },
  );

  it("answers while the store does not, and says in the end that it is away", async () => {
    let answers = true;
    const watch = new StoreWatch(() => answers ? Promise.resolve() : new Promise<void>(() => {}));
    assert.equal(await watch.isAway(), false);
    answers = false;
    const started = performance.now();
    await eventually(() => watch.isAway(), "that it is away");
    assert.ok(performance.now() - started >= 3000);
  });
});
