import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { QueueState } from "../../../src/broker/broker.ts";
import { createLogger } from "../../../src/base/log.ts";
import { IdleLog } from "../../../src/runtime/worker/idle_log.ts";
import { ManualTimers } from "../../../src/test_kit/manual_timers.ts";
import { turn } from "../../../src/base/time/waiting.ts";

const MINUTE = 60_000;

function setUp() {
  const lines: string[] = [];
  const log = createLogger({
    write(line) {
      const { level, message } = JSON.parse(line);
      lines.push(`${level} ${message}`);
    },
  });
  const state = { pending: 0, ackPending: 0 };
  const worker = {
    inFlight: 0,
    alone: undefined as { sequence: number; since: number } | undefined,
  };
  const counts = { in: 0 };
  const consumer = { state: () => Promise.resolve(state as QueueState) };
  const timers = new ManualTimers();
  const idle = new IdleLog({ consumer, worker, counts, maxAckPending: 10, log, timers });
  return { lines, state, worker, counts, idle, timers };
}

describe("IdleLog", () => {
  it("logs nothing about a busy worker", async () => {
    const { idle, counts, worker, lines } = setUp();
    counts.in++;
    await idle.look();
    worker.inFlight = 1;
    await idle.look();
    assert.deepEqual(lines, []);
  });

  it("logs why a worker is idle, and again when the reason changes", async () => {
    const { idle, state, lines } = setUp();
    await idle.look();
    state.ackPending = 3;
    await idle.look();
    state.ackPending = 10;
    state.pending = 5;
    await idle.look();
    assert.deepEqual(lines, [
      "INFO Idle: no record waits",
      "INFO Idle: other workers have what is left, or it waits for its next try",
      "WARNING No record is delivered: the group holds as many unsettled ones as it may. Those that failed wait here for their next try",
    ]);
  });

  it("repeats an unchanged reason less and less often", async () => {
    const { idle, lines } = setUp();
    const saidAt: number[] = [];
    for (let look = 0; look < 20; look++) {
      const before = lines.length;
      await idle.look();
      if (lines.length > before) saidAt.push(look);
    }
    assert.deepEqual(saidAt, [0, 1, 3, 7, 15]);
  });

  it("logs that a record still has the worker to itself, and for how long", async () => {
    const { idle, worker, lines } = setUp();
    worker.alone = { sequence: 7, since: 0 };
    worker.inFlight = 1;
    await idle.look();
    assert.deepEqual(lines, ["WARNING A record still has this worker to itself"]);
  });

  it("checks its worker every minute until it is stopped", async () => {
    const { idle, timers, lines } = setUp();
    timers.moveTo(MINUTE);
    await turn();
    assert.equal(lines.length, 1);
    idle.stop();
    timers.moveTo(100 * MINUTE);
    await turn();
    assert.equal(lines.length, 1);
  });
});
