import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Fifo } from "../../../src/base/data/fifo.ts";

describe("Fifo", () => {
  it("gives entries in the order they came, across the cut", () => {
    const fifo = new Fifo<number>();
    let next = 0;
    for (let i = 0; i < 10_000; i++) {
      fifo.push(i);
      if (i % 3 !== 0) assert.equal(fifo.shift(), next++);
    }
    assert.equal(fifo.size, 10_000 - next);
    assert.equal(fifo.peek(), next);
    while (fifo.size > 0) assert.equal(fifo.shift(), next++);
    assert.equal(next, 10_000);
  });

  it("has nothing to give when it is empty", () => {
    const fifo = new Fifo<number>();
    assert.equal(fifo.peek(), undefined);
    assert.equal(fifo.shift(), undefined);
    fifo.push(1);
    fifo.shift();
    assert.equal(fifo.shift(), undefined);
    assert.equal(fifo.size, 0);
  });

  it("takes out what is chosen and keeps the order of the rest", () => {
    const fifo = new Fifo<number>();
    for (let i = 0; i < 6; i++) fifo.push(i);
    fifo.shift();
    assert.deepEqual(fifo.take((n) => n % 2 === 0), [2, 4]);
    assert.deepEqual([fifo.shift(), fifo.shift(), fifo.shift(), fifo.shift()], [
      1,
      3,
      5,
      undefined,
    ]);
  });
});
