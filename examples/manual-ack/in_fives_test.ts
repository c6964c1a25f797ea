import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { BasicRuntime, createTestKit } from "kflow";
import { InFives } from "./in_fives.ts";

const ORDER = {
  type: "record",
  name: "Order",
  fields: [{ name: "id", type: "int" }, { name: "pieces", type: "int" }],
};
const LABEL = {
  type: "record",
  name: "Label",
  fields: ["order", "batch", "place"].map((name) => ({ name, type: "int" })),
};

function inFives(size: number) {
  return createTestKit<{ order: number; batch: number; place: number }>({
    function: new BasicRuntime({ manualAck: true }).addProcessFunction(new InFives()),
    schemaIn: ORDER,
    schemaOut: LABEL,
    meta: { batch: { size } },
  });
}

describe("InFives", () => {
  it("sends no label on before its batch is full", async () => {
    await using kit = await inFives(3);
    await kit.push({ id: 1, pieces: 1 }, { id: 2, pieces: 1 });
    assert.deepEqual(kit.outputs, []);
    assert.equal(kit.held, 2);
    await kit.push({ id: 3, pieces: 1 });
    assert.deepEqual(kit.outputs.map(({ order }) => order), [1, 2, 3]);
    assert.equal(kit.acked.length, 3);
  });

  it("sends on at the end what makes no whole batch", async () => {
    const kit = await inFives(2);
    await kit.push({ id: 1, pieces: 1 }, { id: 2, pieces: 1 }, { id: 3, pieces: 1 });
    await kit.end();
    assert.deepEqual(kit.outputs.at(-1), { order: 3, batch: 2, place: 1 });
    assert.equal(kit.acked.length, 3);
  });
});
