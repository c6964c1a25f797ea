import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createMemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import type { Delivery } from "../../../src/broker/broker.ts";
import { FlowNames } from "../../../src/broker/subjects.ts";
import { MemoryFiles } from "../../../src/files/memory.ts";
import { BrokerDeadLetters, FileDeadLetters } from "../../../src/runtime/failures/dead_letters.ts";

const BODY = new Uint8Array([0, 1, 254, 255]);
const DELIVERY = {
  subject: "kflow.f.t.p",
  body: BODY,
  sequence: 7,
  timestamp: "1700000000000000000",
  headers: () => ({ "Kflow-Schema": "0123456789abcdef" }),
} as unknown as Delivery;
const NOTICE = { task: "t", attempts: 3, error: "Zeile 1\r\nZeile 2 ä" };

describe("BrokerDeadLetters", () => {
  it("keeps the body exact and says enough to put the message back", async () => {
    const names = new FlowNames("f");
    const broker = createMemoryBroker();
    const queue = {
      stream: names.deadStream,
      subjects: names.deadSubjects,
      maxBytes: 1 << 20,
      duplicateWindowMs: 1000,
    };
    await broker.ensureQueues([queue]);
    const publisher = broker.publisher();
    const letters = new BrokerDeadLetters({ publisher, names, maxPayload: 1 << 20 });
    await letters.put(DELIVERY, NOTICE);
    await letters.put(DELIVERY, NOTICE);
    const consumer = await broker.consume({
      queue,
      group: "reader",
      ackWaitMs: 1000,
      maxAckPending: 10,
    });
    consumer.slots = 10;
    const found = await consumer.next();
    assert.equal(found.length, 1, "the same message is kept once");
    assert.deepEqual(found[0]!.body, BODY);
    assert.deepEqual(found[0]!.headers(), {
      "Kflow-Schema": "0123456789abcdef",
      "Kflow-Task": "t",
      "Kflow-Edge": "kflow.f.t.p",
      "Kflow-Sequence": "7",
      "Kflow-Timestamp": "1700000000000000000",
      "Kflow-Attempt": "3",
      "Kflow-Error": "Zeile 1 Zeile 2 ?",
    });
    consumer.stop();
    await broker.close();
  });
});

describe("FileDeadLetters", () => {
  it("makes one file per task with a line for each letter, and none before the first", async () => {
    const files = new MemoryFiles();
    let opened = 0;
    const letters = new FileDeadLetters({
      files: () => {
        opened++;
        return Promise.resolve(files);
      },
      folder: "f-dead/run",
      place: "there",
    });
    assert.equal(opened, 0);
    const puts = Array.from({ length: 100 }, () => letters.put(DELIVERY, NOTICE));
    await Promise.all(puts);
    assert.deepEqual((await files.list("f-dead/run")).map(({ path }) => path), [
      "f-dead/run/t.ndjson",
    ]);
    const text = await new Response(await files.read("f-dead/run/t.ndjson")).text();
    const lines = text.trimEnd().split("\n");
    assert.equal(lines.length, 100);
    const letter = JSON.parse(lines[99]!);
    assert.equal(letter.error, NOTICE.error);
    assert.deepEqual(Uint8Array.from(atob(letter.bodyBase64), (c) => c.charCodeAt(0)), BODY);
    assert.equal(letter.headers["Kflow-Edge"], "kflow.f.t.p");
  });
});
