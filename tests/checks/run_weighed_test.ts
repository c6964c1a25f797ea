import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { runWeighed } from "../../tools/run_weighed.ts";

/** Runs items named `NAME:WEIGHT`, each until it is told to end; gives what was running whenever that changed. */
function watched(items: readonly string[], room: number) {
  const running = new Map<string, () => void>();
  const begun: string[] = [];
  const all = runWeighed(items, {
    room,
    weigh: (item) => Number(item.split(":")[1]),
    run: (item) =>
      new Promise<void>((resolve) => {
        begun.push(item);
        running.set(item, resolve);
      }),
  });
  const end = async (item: string) => {
    running.get(item)!();
    running.delete(item);
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { all, begun, running: () => [...running.keys()], end };
}

describe("runWeighed()", () => {
  it("begins in order what there is room for, and the next when there is room again", async () => {
    const { all, running, end } = watched(["a:1", "b:2", "c:2", "d:1"], 4);
    assert.deepEqual(running(), ["a:1", "b:2"]);
    await end("a:1");
    assert.deepEqual(running(), ["b:2", "c:2"]);
    await end("b:2");
    assert.deepEqual(running(), ["c:2", "d:1"]);
    await end("c:2");
    await end("d:1");
    await all;
  });

  it("runs alone what is as heavy as the room, or heavier", async () => {
    const { all, running, end } = watched(["a:1", "b:4", "c:9", "d:1"], 4);
    for (const [now, item] of [["a:1"], ["b:4"], ["c:9"], ["d:1"]].entries()) {
      assert.deepEqual(running(), item, `${now}`);
      await end(item[0]!);
    }
    await all;
  });

  it("rejects if one fails", async () => {
    const run = (item: number) => item === 2 ? Promise.reject(new Error("two")) : Promise.resolve();
    await assert.rejects(runWeighed([1, 2, 3], { room: 1, weigh: () => 1, run }), /two/);
  });

  it("ends at once without items", async () => {
    await watched([], 4).all;
  });
});
