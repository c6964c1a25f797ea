import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { MemoryState } from "../../../src/broker/memory/memory_state.ts";
import { StateFileOfTest } from "../../support/in_process/state_file.ts";

const LARGE = "x".repeat(2000);

async function allOf(file: StateFileOfTest): Promise<[string, string][]> {
  const state = new MemoryState(file);
  const keys = await state.keys("k");
  return await Promise.all(
    keys.map(async (key): Promise<[string, string]> => [key, (await state.get(key))!.value]),
  );
}

describe("the state of an embedded broker, in a file", () => {
  it("is what the next process finds, whatever was put and deleted", async () => {
    const file = new StateFileOfTest();
    const state = new MemoryState(file);
    await state.put("k.a", "1");
    await state.put("k.b", "line\nbreak");
    await state.put("k.a", "2");
    await state.put("k.c", "3");
    await state.delete("k.c");
    assert.deepEqual(await allOf(file), [["k.a", "2"], ["k.b", "line\nbreak"]]);
  });

  it("costs a change what it changes, however much there is", async () => {
    const file = new StateFileOfTest();
    const state = new MemoryState(file);
    const puts = Array.from({ length: 5000 }, (_, i) => state.put(`k.${i}`, LARGE));
    await Promise.all(puts);
    const before = file.written;
    for (let i = 0; i < 1000; i++) await state.put("k.small", String(i));
    assert.ok(file.written - before < 100_000, `${file.written - before} characters`);
  });

  it("is written as a whole when the changes are more than that", async () => {
    const file = new StateFileOfTest();
    const state = new MemoryState(file);
    for (let i = 0; i < 3000; i++) await state.put("k.same", `${i} ${LARGE}`);
    assert.ok(file.changes.length <= 2 << 20, `${file.changes.length} characters`);
    assert.deepEqual((await allOf(file)).map(([key]) => key), ["k.same"]);
    assert.ok(file.written < 3000 * 2100 * 2, `${file.written} characters`);
  });

  it("is whole after a process was killed while it wrote a change", async () => {
    const file = new StateFileOfTest();
    await new MemoryState(file).put("k.a", "1");
    file.changes += '["k.b","hal';
    const next = new MemoryState(file);
    await next.put("k.c", "3");
    assert.deepEqual(await allOf(file), [["k.a", "1"], ["k.c", "3"]]);
  });

  it("is the same where a process was killed after it wrote the whole", async () => {
    const file = new StateFileOfTest();
    const state = new MemoryState(file);
    await state.put("k.a", "1");
    await state.delete("k.a");
    await state.put("k.a", "2");
    file.text = '{"k.a":"2"}';
    assert.deepEqual(await allOf(file), [["k.a", "2"]]);
  });

  it("loses no change whose writing failed", async () => {
    const file = new StateFileOfTest();
    const state = new MemoryState(file);
    const append = file.append.bind(file);
    file.append = (changes) => {
      file.append = append;
      file.changes += changes.slice(0, 5);
      return Promise.reject(new Error("no room"));
    };
    await assert.rejects(state.put("k.a", "1"), /no room/);
    await state.put("k.b", "2");
    assert.deepEqual(await allOf(file), [["k.a", "1"], ["k.b", "2"]]);
  });
});
