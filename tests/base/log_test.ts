import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createLogger, LOG_LEVELS, type LogLevel } from "../../src/base/log.ts";
import { Secret } from "../../src/base/secret.ts";
import { newSecret } from "../support/run_record.ts";

const NOW = () => new Date("2026-11-22T10:20:30.456Z");

function lines(options: { level?: LogLevel; format?: "text" | "json" }) {
  const written: string[] = [];
  const log = createLogger({ ...options, now: NOW, write: (line) => void written.push(line) });
  return { log, written };
}

describe("createLogger()", () => {
  it("writes one JSON object a line, with the fields of every logger on the way", () => {
    const { log, written } = lines({ format: "json" });
    log.with({ flow: "f" }).with({ task: "t" }).warning("two\nlines", { attempt: 2 });
    assert.deepEqual(written.length, 1);
    assert.equal(written[0]!.indexOf("\n"), written[0]!.length - 1);
    assert.deepEqual(JSON.parse(written[0]!), {
      time: "2026-11-22T10:20:30.456Z",
      level: "WARNING",
      message: "two\nlines",
      flow: "f",
      task: "t",
      attempt: 2,
    });
  });

  it("writes text for people: time, level, message, fields", () => {
    const { log, written } = lines({ format: "text" });
    log.info("two\nlines", { key: "a b", n: 1, none: undefined });
    assert.equal(written[0], '10:20:30.456 INFO    two | lines key="a b" n=1\n');
  });

  it("cuts a value that is too long for a line, between two characters", () => {
    for (const format of ["json", "text"] as const) {
      const { log, written } = lines({ format });
      const text = "😀".repeat(100_000);
      log.warning(text, { error: text, cause: new Error(text), list: [text] });
      assert.ok(written[0]!.length < 17_000, `${written[0]!.length}`);
      assert.ok(written[0]!.isWellFormed());
      assert.match(written[0]!, /😀.?…/u);
    }
  });

  for (const [at, level] of LOG_LEVELS.entries()) {
    it(`at ${level} writes what is at least as severe`, () => {
      const { log, written } = lines({ level });
      log.debug("");
      log.info("");
      log.warning("");
      log.error("");
      log.critical("");
      assert.deepEqual(written.map((line) => JSON.parse(line).level), LOG_LEVELS.slice(at));
    });
  }

  it("never gives a secret away", () => {
    const canary = newSecret();
    for (const format of ["text", "json"] as const) {
      const { log, written } = lines({ format });
      log.info("with a secret", { password: new Secret(canary), inside: [new Secret(canary)] });
      assert.ok(!written[0]!.includes(canary));
      assert.ok(written[0]!.includes("***"));
    }
    assert.equal(`${new Secret(canary)}`, "***");
    assert.equal(new Secret(canary).reveal(), canary);
  });

  it("counts the lines that find no room, and says how many as soon as there is some", () => {
    const written: string[] = [];
    let hasRoom = true;
    const log = createLogger({
      now: NOW,
      write: (line) => hasRoom && written.push(line) > 0,
    });
    log.info("first");
    hasRoom = false;
    log.info("lost");
    log.with({ task: "t" }).error("lost too");
    hasRoom = true;
    log.info("last");
    assert.deepEqual(
      written.map((line) => JSON.parse(line)).map(({ message, dropped }) => [message, dropped]),
      [
        ["first", undefined],
        ["Log lines were dropped: nothing reads them", 2],
        ["last", undefined],
      ],
    );
  });

  it("never throws, whatever a field is and wherever the line goes", () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const { log } = lines({});
    log.info("circle", circle);
    log.info("bigint", { n: 5n });
    createLogger({
      write: () => {
        throw new Error("closed");
      },
    }).error("nowhere to go");
  });
});
