import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createTestKit } from "kflow";
import forward from "./forward.ts";

const text = (name: string) => ({ name, type: "string" });
const MESSAGE = { type: "record", name: "Message", fields: [text("id"), text("msg")] };
const NOTE = {
  type: "record",
  name: "Note",
  fields: [text("err"), text("id"), { ...text("level"), default: "warning" }],
};

describe("forward()", () => {
  it("passes every message on, and notes the empty ones", async () => {
    await using kit = await createTestKit({
      function: forward,
      schemaIn: MESSAGE,
      schemaOut: MESSAGE,
      sideOuts: { notes: NOTE },
    });
    await kit.push({ id: "a", msg: "hello" }, { id: "b", msg: "" });
    assert.deepEqual(kit.outputs, [{ id: "a", msg: "hello" }, { id: "b", msg: "" }]);
    assert.deepEqual(kit.sideOuts.notes, [
      { err: "the message was empty", id: "b", level: "warning" },
    ]);
  });
});
