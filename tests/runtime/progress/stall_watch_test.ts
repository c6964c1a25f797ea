import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { StallWatch } from "../../../src/runtime/progress/stall_watch.ts";
import { ManualTimers } from "../../../src/test_kit/manual_timers.ts";

const WAITING = { pending: 3, ackPending: 1 };
const ACK_WAIT_MS = 1000;

/** A watch on a worker that the test plays. */
function watched() {
  const timers = new ManualTimers();
  const worker = { inFlight: 0, held: 0, hung: 0, hungMs: () => worker.hung };
  const counts = { in: 0 };
  const watch = new StallWatch({ ackWaitMs: ACK_WAIT_MS, worker, counts, timers });
  /** Lets time pass with a look every second. */
  function pass(seconds: number, queue: typeof WAITING | undefined): void {
    for (let i = 0; i < seconds; i++) {
      watch.look(queue);
      timers.moveTo(timers.now() + 1000);
    }
    watch.look(queue);
  }
  return { timers, worker, counts, watch, pass };
}

describe("StallWatch", () => {
  it("reports an idle worker that gets nothing for three ack waits though records wait", () => {
    const { watch, pass } = watched();
    pass(3, WAITING);
    assert.equal(watch.isStalled, false);
    pass(1, WAITING);
    assert.equal(watch.isStalled, true);
  });

  it("starts again with each record", () => {
    const { watch, counts, pass } = watched();
    for (let i = 0; i < 5; i++) {
      pass(2, WAITING);
      counts.in++;
      watch.look(WAITING);
      assert.equal(watch.isStalled, false);
    }
  });

  it("does not report an idle worker while no record waits or the broker does not answer", () => {
    const { watch, pass } = watched();
    pass(10, { pending: 0, ackPending: 5 });
    assert.equal(watch.isStalled, false);
    pass(2, WAITING);
    pass(10, undefined);
    assert.equal(watch.isStalled, false);
  });

  it("does not report a worker that only holds inputs for requestAck()", () => {
    const { watch, worker, pass } = watched();
    worker.inFlight = worker.held = 4;
    pass(4, WAITING);
    assert.equal(watch.isStalled, true);
    worker.inFlight = 5;
    pass(1, WAITING);
    assert.equal(watch.isStalled, false);
  });

  it("reports a function that does not return for three ack waits, while its record is not done", () => {
    const { watch, worker } = watched();
    worker.inFlight = 1;
    watch.look({ pending: 0, ackPending: 1 });
    worker.hung = 3 * ACK_WAIT_MS;
    assert.equal(watch.isStalled, false);
    worker.hung++;
    assert.equal(watch.isStalled, true);
    watch.look({ pending: 0, ackPending: 0 });
    assert.equal(watch.isStalled, false);
  });
});
