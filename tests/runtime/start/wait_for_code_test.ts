import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createLogger } from "../../../src/base/log.ts";
import { turn } from "../../../src/base/time/waiting.ts";
import { waitForCode } from "../../../src/runtime/start/wait_for_code.ts";
import { ManualTimers } from "../../../src/test_kit/manual_timers.ts";
import { quiet } from "../../support/in_process/quiet_log.ts";

describe("waitForCode()", () => {
  it("says periodically that it still waits, and no more once the code has ended", async () => {
    const lines: string[] = [];
    const log = createLogger({ write: (line) => lines.push(JSON.parse(line).message) });
    const timers = new ManualTimers();
    const work = Promise.withResolvers<number>();
    const waiting = waitForCode(work.promise, { log, message: "Still waiting", timers });
    for (const time of [10_000, 20_000, 25_000]) timers.moveTo(time);
    assert.deepEqual(lines, ["Still waiting", "Still waiting"]);
    work.resolve(5);
    assert.equal(await waiting, 5);
    timers.moveTo(60_000);
    assert.equal(lines.length, 2);
  });

  it("ends at a stop, even if the code never ends", async () => {
    const stop = new AbortController();
    const work = Promise.withResolvers<number>();
    const options = { log: quiet, message: "", stop: stop.signal };
    const waiting = waitForCode(work.promise, options);
    stop.abort();
    assert.equal(await waiting, undefined);
    // Nobody may be left with an error that no code handles.
    work.reject(new Error("too late"));
    await turn();
  });

  it("passes on why the code failed", async () => {
    const work = Promise.reject(new Error("no model"));
    await assert.rejects(waitForCode(work, { log: quiet, message: "" }), /no model/);
  });
});
