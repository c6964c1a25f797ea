import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { NatsConnection } from "../../../../src/broker/nats/wire/client.ts";
import { NatsOutbox } from "../../../../src/broker/nats/wire/outbox.ts";
import { pick, seededRandom } from "../../../support/data/random_avro.ts";
import { testSeed } from "../../../support/data/test_seed.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** An outbox, and what has come out of it in pieces. */
function outbox(): {
  box: NatsOutbox;
  pieces: Uint8Array[];
  sent: () => string;
  flushes: () => number;
} {
  const pieces: Uint8Array[] = [];
  let flushes = 0;
  const protocol = {
    sendCommand: (piece: Uint8Array) => void pieces.push(piece),
    flushPending: () => void flushes++,
  };
  return {
    box: new NatsOutbox({ protocol } as unknown as NatsConnection),
    pieces,
    sent: () =>
      pieces.map((piece) => new TextDecoder("utf-8", { fatal: true }).decode(piece)).join(""),
    flushes: () => flushes,
  };
}

function message(subject: string, header: string, body: string) {
  const text = `NATS/1.0\r\n${header}\r\n\r\n`;
  const bytes = bytesOf(text).length;
  const all = bytes + bytesOf(body).length;
  return {
    given: { subject, reply: "in.1", header: { text, bytes }, body: bytesOf(body) },
    wire: `HPUB ${subject} in.1 ${bytes} ${all}\r\n${text}${body}\r\n`,
  };
}

describe("NatsOutbox", () => {
  it("sends what comes in a turn as one piece, in order, after it", async () => {
    const { box, pieces, sent, flushes } = outbox();
    const one = message("a.b", "Nats-Msg-Id: 1", "first");
    const other = message("a.c", "Nats-Msg-Id: 2", "");
    box.text("ack.1", "+ACK");
    box.message(one.given);
    box.text("ack.2", "+ACK", "in.2");
    box.message(other.given);
    assert.equal(pieces.length, 0);
    await Promise.resolve();
    assert.equal(
      sent(),
      `PUB ack.1 4\r\n+ACK\r\n${one.wire}PUB ack.2 in.2 4\r\n+ACK\r\n${other.wire}`,
    );
    assert.equal(pieces.length, 1);
    assert.equal(flushes(), 1);
    assert.equal(
      pieces[0]!.byteLength,
      pieces[0]!.buffer.byteLength,
      "sockets send the whole buffer",
    );
    box.text("ack.3", "+ACK");
    await Promise.resolve();
    assert.equal(pieces.length, 2);
  });

  it("does not wait for the end of a turn in which much is sent", async () => {
    const { box, pieces, sent } = outbox();
    const { given, wire } = message("a", "Nats-Msg-Id: 1", "x".repeat(10_000));
    for (let i = 0; i < 8; i++) box.message(given);
    assert.equal(pieces.length, 2);
    await Promise.resolve();
    assert.equal(sent(), wire.repeat(8));
  });

  it("counts bytes, not characters", async () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    const words = ["", "a", "é", "€", "😀", "plain", "longer text without anything"];
    for (let round = 0; round < 200; round++) {
      const { box, sent } = outbox();
      let wire = "";
      for (let i = 0; i < 1 + random() * 20; i++) {
        if (random() < 0.4) {
          const subject = `ack.s${pick(random, words)}`;
          box.text(subject, "+ACK");
          wire += `PUB ${subject} 4\r\n+ACK\r\n`;
        } else {
          const made = message(
            "a",
            `X: ${pick(random, words)}`,
            pick(random, words).repeat(random() * 9),
          );
          box.message(made.given);
          wire += made.wire;
        }
      }
      await Promise.resolve();
      assert.equal(sent(), wire, `seed ${seed}, round ${round}`);
    }
  });
});
