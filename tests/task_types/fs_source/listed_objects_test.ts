import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { ListedObjects } from "../../../src/task_types/fs_source/listed_objects.ts";
import type { SourceMemory } from "../../../src/api/source_function.ts";

class Memory implements SourceMemory {
  readonly entries = new Map<string, string>();
  puts = 0;
  names() {
    return Promise.resolve([...this.entries.keys()]);
  }
  get(name: string) {
    return Promise.resolve(this.entries.get(name));
  }
  put(name: string, value: string) {
    this.puts++;
    this.entries.set(name, value);
    return Promise.resolve();
  }
  delete(name: string) {
    this.entries.delete(name);
    return Promise.resolve();
  }
}

function id(i: number): string {
  return i.toString(16).padStart(32, "0");
}

describe("ListedObjects", () => {
  it("knows in the next process what was committed, and no more", async () => {
    const memory = new Memory();
    const first = new ListedObjects(memory, "listed");
    await first.load();
    first.add(id(1));
    await first.commit();
    first.add(id(2));
    const second = new ListedObjects(memory, "listed");
    await second.load();
    assert.equal(second.has(id(1)), true);
    assert.equal(second.has(id(2)), false);
  });

  it("keeps entries small enough for a message, however many ids there are", async () => {
    const memory = new Memory();
    const listed = new ListedObjects(memory, "listed");
    await listed.load();
    for (let i = 0; i < 25_000; i++) listed.add(id(i));
    await listed.commit();
    assert.equal(memory.entries.size, 25);
    for (const text of memory.entries.values()) assert.ok(text.length <= 40_000);
    const again = new ListedObjects(memory, "listed");
    await again.load();
    assert.ok(again.has(id(0)) && again.has(id(24_999)));
    memory.puts = 0;
    again.add(id(30_000));
    await again.commit();
    assert.equal(memory.puts, 1);
  });

  it("does not write what was added while a write failed twice, and loses nothing", async () => {
    const memory = new Memory();
    const put = memory.put.bind(memory);
    let failures = 1;
    memory.put = (name, value) =>
      failures-- > 0 ? Promise.reject(new Error("away")) : put(name, value);
    const listed = new ListedObjects(memory, "listed");
    await listed.load();
    listed.add(id(1));
    await assert.rejects(listed.commit(), /away/);
    listed.add(id(2));
    await listed.commit();
    assert.equal(memory.entries.get("listed-0"), `${id(1)}\n${id(2)}`);
  });

  it("keeps what is still listed, and what is added meanwhile, in entries without a gap", async () => {
    const memory = new Memory();
    const listed = new ListedObjects(memory, "listed");
    await listed.load();
    for (let i = 0; i < 25_000; i++) listed.add(id(i));
    await listed.commit();
    const half = new Set([...Array.from({ length: 12_500 }, (_, i) => id(2 * i)), id(99_999)]);
    const retaining = listed.retain(half);
    listed.add(id(99_999));
    await Promise.all([retaining, listed.commit()]);
    const names = Array.from({ length: 13 }, (_, index) => `listed-${index}`);
    assert.deepEqual([...memory.entries.keys()].sort(), names.sort());
    const again = new ListedObjects(memory, "listed");
    await again.load();
    assert.ok(again.has(id(0)) && again.has(id(24_998)) && again.has(id(99_999)));
    assert.ok(!again.has(id(1)) && !listed.has(id(1)));
  });

  it("keeps apart what has another name", async () => {
    const memory = new Memory();
    const one = new ListedObjects(memory, "run-a");
    await one.load();
    one.add(id(1));
    await one.commit();
    const other = new ListedObjects(memory, "run");
    await other.load();
    assert.equal(other.has(id(1)), false);
    await one.clear();
    assert.equal(memory.entries.size, 0);
  });
});
