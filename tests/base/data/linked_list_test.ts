import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { type Linked, LinkedList } from "../../../src/base/data/linked_list.ts";

interface Item extends Linked<Item> {
  readonly name: string;
}

function item(name: string): Item {
  return { name, isListed: false, before: undefined, after: undefined };
}

describe("LinkedList", () => {
  const namesOf = (list: LinkedList<Item>) => [...list].map(({ name }) => name).join("");

  it("keeps the order, whichever item leaves", () => {
    for (const [left, rest] of [["a", "bcd"], ["c", "abd"], ["d", "abc"]] as const) {
      const list = new LinkedList<Item>();
      const items = [..."abcd"].map(item);
      for (const each of items) list.add(each);
      assert.equal(list.delete(items.find(({ name }) => name === left)!), true);
      assert.deepEqual([namesOf(list), list.size, list.first?.name], [rest, 3, rest[0]]);
      list.add(items.find(({ name }) => name === left)!);
      assert.equal(namesOf(list), rest + left);
      for (const each of items) assert.equal(list.delete(each), true);
      assert.deepEqual([namesOf(list), list.size, list.first], ["", 0, undefined]);
    }
  });

  it("takes an item once, and lets one go that is not there", () => {
    const list = new LinkedList<Item>();
    const [a, b] = [item("a"), item("b")];
    list.add(a);
    list.add(b);
    list.add(a);
    assert.deepEqual([namesOf(list), list.size], ["ab", 2]);
    assert.equal(list.delete(a), true);
    assert.equal(list.delete(a), false);
    assert.deepEqual([namesOf(list), list.size], ["b", 1]);
  });

  it("may lose the item whose turn it is", () => {
    const list = new LinkedList<Item>();
    for (const each of [..."abc"].map(item)) list.add(each);
    const seen: string[] = [];
    for (const each of list) {
      seen.push(each.name);
      list.delete(each);
    }
    assert.deepEqual([seen.join(""), list.size], ["abc", 0]);
  });
});
