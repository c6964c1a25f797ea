import { Buffer } from "node:buffer";
import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Delivery } from "../../src/broker/broker.ts";
import { MessageIds, sourceId } from "../../src/broker/message_id.ts";

const PLACE = { flow: "f", task: "t", output: "", inputStream: "kflow-f-t" };

function input(sequence: number, timestamp = "1700000000000000000"): Delivery {
  return { sequence, timestamp } as Delivery;
}

describe("MessageIds", () => {
  it("gives the same id for the same input, whatever the attempt", () => {
    assert.equal(new MessageIds(PLACE).of(input(7), 0), new MessageIds(PLACE).of(input(7), 0));
  });

  it("gives another id for another input, index, output, task, flow and stream", () => {
    const ids = new MessageIds(PLACE);
    const all = [
      ids.of(input(7), 0),
      ids.of(input(7), 1),
      ids.of(input(70), 0),
      ids.of(input(7, "1700000000000000001"), 0),
      new MessageIds({ ...PLACE, output: "side" }).of(input(7), 0),
      new MessageIds({ ...PLACE, task: "u" }).of(input(7), 0),
      new MessageIds({ ...PLACE, flow: "g" }).of(input(7), 0),
      new MessageIds({ ...PLACE, inputStream: "other" }).of(input(7), 0),
    ];
    assert.equal(new Set(all).size, all.length);
  });

  it("is short and visible ASCII, so that it costs little on the wire", () => {
    const id = new MessageIds(PLACE).of(input(123_456_789), 3);
    assert.match(id, /^[\x21-\x7e]{1,60}$/);
  });
});

describe("sourceId()", () => {
  it("tells parts apart however they are cut", () => {
    assert.notEqual(sourceId(["ab", "c"]), sourceId(["a", "bc"]));
    assert.notEqual(sourceId(["a"]), sourceId(["a", ""]));
    assert.equal(sourceId(["a", "b"]), sourceId(["a", "b"]));
  });

  it("stays the same for what a checkpoint has noted, and is the half of a SHA-256", async () => {
    const parts = ["docs", "ä/b.txt", "e1"];
    const text = new TextEncoder().encode("4:docs7:ä/b.txt2:e1");
    const digest = Buffer.from(await crypto.subtle.digest("SHA-256", text)).toString("hex");
    assert.equal(sourceId(parts), digest.slice(0, 32));
  });
});
