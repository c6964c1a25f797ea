import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { KnownHeaders } from "../../../../src/broker/nats/wire/known_headers.ts";

const ENCODER = new TextEncoder();

/** What is found for the second headers after the first were learnt: by name, or undefined. */
function after(first: string, second: string): Record<string, string> | undefined {
  const known = new KnownHeaders();
  const learnt = ENCODER.encode(first);
  known.learn({ bytes: learnt, from: 0, to: learnt.length }, first);
  // The body comes behind the headers, in the same bytes.
  const bytes = ENCODER.encode(`before${second}body\r\n\r\n`);
  const from = "before".length;
  const found = known.of({ bytes, from, to: from + ENCODER.encode(second).length });
  return found && Object.fromEntries(found);
}

function lines(...headers: string[]): string {
  return `NATS/1.0\r\n${headers.map((each) => `${each}\r\n`).join("")}\r\n`;
}

describe("KnownHeaders", () => {
  const schema = "Kflow-Schema: 0123456789abcdef";
  const values = { "Kflow-Schema": "0123456789abcdef" };

  it("knows headers that differ in the id alone, of any length", () => {
    const first = lines(schema, "Nats-Msg-Id: a.1");
    for (const id of ["a.1", "", "b", "a.1.23456789.0", "x: y", "é"]) {
      assert.deepEqual(after(first, lines(schema, `Nats-Msg-Id: ${id}`)), values, id);
    }
  });

  it("knows the same headers without an id, and no headers but the id", () => {
    assert.deepEqual(after(lines(schema), lines(schema)), values);
    assert.deepEqual(after(lines(schema, "A:b", "A: c"), lines(schema, "A:b", "A: c")), {
      ...values,
      A: "b",
    });
    assert.deepEqual(after(lines("Nats-Msg-Id: 1"), lines("Nats-Msg-Id: 2")), {});
  });

  const others: [name: string, first: string, second: string][] = [
    ["another schema", lines(schema, "Nats-Msg-Id: 1"), lines("Kflow-Schema: f", "Nats-Msg-Id: 1")],
    [
      "a header more behind the id",
      lines(schema, "Nats-Msg-Id: 1"),
      lines(schema, "Nats-Msg-Id: 1", "traceparent: x"),
    ],
    [
      "a header more before the id",
      lines(schema, "Nats-Msg-Id: 1"),
      lines(schema, "traceparent: x", "Nats-Msg-Id: 1"),
    ],
    ["no id where there was one", lines(schema, "Nats-Msg-Id: 1"), lines(schema)],
    ["an id where there was none", lines(schema), lines(schema, "Nats-Msg-Id: 1")],
    [
      "the id not last, though it is the same",
      lines("Nats-Msg-Id: 1", schema),
      lines("Nats-Msg-Id: 1", schema),
    ],
    [
      "a text of more bytes than characters",
      lines("A: é", "Nats-Msg-Id: 1"),
      lines("A: é", "Nats-Msg-Id: 1"),
    ],
    [
      "headers that are cut short",
      lines(schema, "Nats-Msg-Id: 1"),
      lines(schema, "Nats-Msg-Id: 1").slice(0, -3),
    ],
    ["no headers", lines(schema, "Nats-Msg-Id: 1"), ""],
  ];
  for (const [name, first, second] of others) {
    it(`does not know ${name}`, () => assert.equal(after(first, second), undefined));
  }

  it("knows nothing at first, and the last only", () => {
    const known = new KnownHeaders();
    const [one, two] = [lines(schema, "Nats-Msg-Id: 1"), lines("A: b", "Nats-Msg-Id: 1")];
    const place = (text: string) => ({ bytes: ENCODER.encode(text), from: 0, to: text.length });
    const of = (text: string) => known.of(place(text));
    const learn = (text: string) => known.learn(place(text), text);
    assert.equal(of(one), undefined);
    learn(one);
    learn(two);
    assert.equal(of(one), undefined);
    assert.deepEqual(of(two), new Map([["A", "b"]]));
  });
});
