import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { joinChunks } from "../../../../src/base/data/body_chunks.ts";
import { NatsFrames } from "../../../../src/broker/nats/wire/frames.ts";
import type { NatsMessage } from "../../../../src/broker/nats/wire/message.ts";
import { pick, type Random, randomBytes, seededRandom } from "../../../support/data/random_avro.ts";
import { testSeed } from "../../../support/data/test_seed.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);

/** Subscriptions whose messages are taken; others are the client's. */
const OURS = [1, 27];

interface Element {
  readonly wire: Uint8Array;
  /** What is taken; absent for what the client gets. */
  readonly taken?: string;
}

const describeMessage = (sid: number, message: NatsMessage) =>
  JSON.stringify([
    sid,
    message.subject,
    message.reply,
    message.headers,
    textOf(message.body),
    message.end - message.bodyAt,
  ]);

function messageElement(
  parts: { sid: number; subject: string; reply: string; headers?: string; body: Uint8Array },
): Element {
  const { sid, subject, reply, headers, body } = parts;
  const to = `${subject} ${sid}${reply === "" ? "" : ` ${reply}`}`;
  const head = bytesOf(headers ?? "");
  const line = headers === undefined
    ? `MSG ${to} ${body.length}\r\n`
    : `HMSG ${to} ${head.length} ${head.length + body.length}\r\n`;
  const wire = joinChunks([bytesOf(line), head, body, bytesOf("\r\n")]);
  if (!OURS.includes(sid)) return { wire };
  const taken = JSON.stringify([sid, subject, reply, headers ?? "", textOf(body), body.length]);
  return { wire, taken };
}

const LINES = [
  "PING\r\n",
  "PONG\r\n",
  "+OK\r\n",
  "-ERR 'Permissions Violation for Publish to \"MSG.x\"'\r\n",
  'INFO {"server_id":"é","max_payload":1048576}\r\n',
];
const SUBJECTS = ["a", "kflow.f.t.p", "_INBOX.abc.17", "straße.€", "MSG", "1"];
const HEADERS = [
  undefined,
  "NATS/1.0 404 No Messages\r\n\r\n",
  "NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n",
  "",
];

function anyElement(random: Random): Element {
  if (random() < 0.2) return { wire: bytesOf(pick(random, LINES)) };
  const isLarge = random() < 0.05;
  return messageElement({
    sid: pick(random, [...OURS, 2, 3000]),
    subject: pick(random, SUBJECTS),
    reply: pick(random, ["", "$JS.ACK.s.c.1.2.3.4.5", "17", "ü.x"]),
    headers: pick(random, HEADERS),
    body: pick(random, [
      bytesOf(""),
      bytesOf("\r\nMSG a 1 3\r\nabc\r\n"),
      randomBytes(random, isLarge ? 100_000 : 60),
    ]),
  });
}

/** What is read when the bytes come in pieces: messages, and what the client gets. */
function read(pieces: readonly Uint8Array[]): { taken: string[]; rest: string } {
  const taken: string[] = [];
  const rest: Uint8Array[] = [];
  const frames = new NatsFrames({
    listenerOf: (sid) =>
      OURS.includes(sid) ? (message) => void taken.push(describeMessage(sid, message)) : undefined,
    rest: (bytes) => void rest.push(bytes.slice()),
  });
  for (const piece of pieces) frames.read(piece);
  return { taken, rest: textOf(joinChunks(rest)) };
}

function expected(elements: readonly Element[]): { taken: string[]; rest: string } {
  return {
    taken: elements.flatMap(({ taken }) => taken ?? []),
    rest: textOf(
      joinChunks(elements.filter(({ taken }) => taken === undefined).map(({ wire }) => wire)),
    ),
  };
}

function pieces(bytes: Uint8Array, length: () => number): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + Math.max(1, Math.floor(length())));
    all.push(bytes.slice(at, end));
    at = end;
  }
  return all;
}

describe("NatsFrames", () => {
  it("takes messages of our subscriptions and leaves the rest to the client, wherever the pieces end", () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    for (let round = 0; round < 300; round++) {
      const elements = Array.from({ length: 1 + random() * 30 }, () => anyElement(random));
      const wire = joinChunks(elements.map((each) => each.wire));
      const longest = pick(random, [3, 50, 1_000, 64_000, wire.length]);
      const found = read(pieces(wire, () => random() * longest));
      assert.deepEqual(found, expected(elements), `seed ${seed}, round ${round}`);
    }
  });

  it("reads what comes byte by byte", () => {
    const random = seededRandom(7);
    const elements = Array.from({ length: 40 }, () => anyElement(random));
    const wire = joinChunks(elements.map((each) => each.wire));
    assert.deepEqual(read(pieces(wire, () => 1)), expected(elements));
  });

  it("leaves what is no message to the client, which says so", () => {
    for (
      const line of [
        "MSG a 1\r\n",
        "MSG a 1 x\r\n",
        "MSG a 1 r -1\r\n",
        "MSG a 1 999999999999\r\n",
        "HMSG a 1 r 12 5\r\nabcde\r\n",
        "MSG a 1 5\rabcde\r\n",
        "MOG a b\r\n",
      ]
    ) {
      const { taken, rest } = read([bytesOf(line)]);
      assert.deepEqual(taken, [], line);
      assert.equal(rest, line);
    }
  });

  it("does not gather a line that never ends", () => {
    let rest = 0;
    const frames = new NatsFrames({
      listenerOf: () => undefined,
      rest: ({ length }) => void (rest += length),
    });
    for (let i = 0; i < 100; i++) frames.read(new Uint8Array(1_000).fill(0x4d));
    assert.ok(rest > 60_000, String(rest));
  });

  it("tells a server's word in place of a message", () => {
    const found: unknown[] = [];
    const frames = new NatsFrames({
      listenerOf: () => (message) => void found.push(message.status, message.token),
      rest: () => assert.fail(),
    });
    const headers = "NATS/1.0 409 Exceeded MaxWaiting\r\nNats-Pending-Messages: 3\r\n\r\n";
    const body = new Uint8Array();
    for (const each of [headers, "NATS/1.0 503\r\n\r\n", "NATS/1.0\r\nA: 404\r\n\r\n"]) {
      frames.read(
        messageElement({ sid: 1, subject: "in.12", reply: "", headers: each, body }).wire,
      );
    }
    assert.deepEqual(found, [
      { code: 409, description: "Exceeded MaxWaiting" },
      12,
      { code: 503, description: "" },
      12,
      undefined,
      12,
    ]);
  });
});
