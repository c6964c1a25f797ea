import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { QueueState } from "../../../src/broker/broker.ts";
import { createLogger } from "../../../src/base/log.ts";
import type { TaskGauge } from "../../../src/metrics/metrics.ts";
import { QueueGauges } from "../../../src/runtime/progress/queue_gauges.ts";
import { eventually } from "../../support/waiting.ts";
import { quiet } from "../../support/in_process/quiet_log.ts";
import { TaskTally } from "../../../src/metrics/task_tally.ts";

const NEVER = new AbortController().signal;
const none = () => Promise.resolve(0);
const NOTHING: QueueState = {
  lastSequence: 0,
  ackFloor: 0,
  messages: 0,
  bytes: 0,
  pending: 0,
  ackPending: 0,
};

function gaugesOf(metrics: TaskTally): Record<TaskGauge, number> {
  return {
    pending: metrics.gauge("pending"),
    ackPending: metrics.gauge("ackPending"),
    oldestWaiting: metrics.gauge("oldestWaiting"),
    inFlight: metrics.gauge("inFlight"),
    slots: metrics.gauge("slots"),
    bulkBuffered: metrics.gauge("bulkBuffered"),
    held: metrics.gauge("held"),
    stalled: metrics.gauge("stalled"),
    alone: metrics.gauge("alone"),
    unreportedNow: metrics.gauge("unreportedNow"),
  };
}

describe("QueueGauges", () => {
  it("asks the broker at once, and sums what the workers of the task hold", async () => {
    const metrics = new TaskTally({ flow: "f", task: "t" });
    const gauges = new QueueGauges({ metrics, log: quiet, stop: NEVER });
    const state = () => Promise.resolve({ ...NOTHING, pending: 12, ackPending: 5 });
    const first = gauges.watch({
      consumer: { slots: 8, state, oldestAgeMs: () => Promise.resolve(1500) },
      worker: { inFlight: 3, held: 2 },
    });
    assert.equal(metrics.gauge("held"), 2);
    const second = gauges.watch({
      consumer: { slots: 4, state, oldestAgeMs: () => Promise.resolve(1500) },
      worker: { inFlight: 2, held: 1 },
    });
    await first();
    await eventually(() => metrics.gauge("pending") > 0, "answer");
    assert.deepEqual(gaugesOf(metrics), {
      pending: 12,
      ackPending: 5,
      oldestWaiting: 1.5,
      inFlight: 2,
      slots: 4,
      bulkBuffered: 0,
      held: 1,
      stalled: 0,
      alone: 0,
      unreportedNow: 0,
    });
    await second();
    assert.deepEqual(gaugesOf(metrics), {
      pending: 12,
      ackPending: 5,
      oldestWaiting: 1.5,
      inFlight: 0,
      slots: 0,
      bulkBuffered: 0,
      held: 0,
      stalled: 0,
      alone: 0,
      unreportedNow: 0,
    });
  });

  it("asks the broker again only after it has answered", { timeout: 10_000 }, async () => {
    const metrics = new TaskTally({ flow: "f", task: "t" });
    const gauges = new QueueGauges({ metrics, log: quiet, stop: NEVER, everyMs: 1 });
    let asked = 0;
    const answers: ((state: QueueState) => void)[] = [];
    const again = Promise.withResolvers<void>();
    const state = () => {
      if (++asked === 2) again.resolve();
      return asked > 2
        ? Promise.resolve(NOTHING)
        : new Promise<QueueState>((resolve) => void answers.push(resolve));
    };
    const stop = gauges.watch({
      consumer: { slots: 1, state, oldestAgeMs: none },
      worker: { inFlight: 0, held: 0 },
    });
    await turns(20);
    assert.equal(asked, 1);
    answers[0]!({ ...NOTHING, pending: 1 });
    await again.promise;
    assert.equal(metrics.gauge("pending"), 1);
    answers[1]!({ ...NOTHING, pending: 2 });
    await stop();
    assert.equal(metrics.gauge("pending"), 0);
    const last = asked;
    await turns(20);
    assert.equal(asked, last);
  });

  it("gives the state of the queue to every worker's stall watch, and counts the stalled workers", async () => {
    const metrics = new TaskTally({ flow: "f", task: "t" });
    const gauges = new QueueGauges({ metrics, log: quiet, stop: NEVER });
    const seen: unknown[] = [];
    const stallOf = (isStalled: boolean) => ({
      isStalled,
      look: (queue: { pending: number } | undefined) => void seen.push(queue?.pending),
    });
    const waiting = { ...NOTHING, pending: 12 };
    let state = () => Promise.resolve(waiting);
    const consumer = { slots: 1, state: () => state(), oldestAgeMs: none };
    const worker = { inFlight: 0, held: 0 };
    const first = gauges.watch({ consumer, worker, stall: stallOf(true) });
    const second = gauges.watch({ consumer, worker, stall: stallOf(false) });
    await eventually(() => seen.length === 2, "look");
    assert.deepEqual(seen, [12, 12]);
    assert.equal(metrics.gauge("stalled"), 1);
    await first();
    assert.equal(metrics.gauge("stalled"), 0);
    state = () => Promise.reject(new Error("no answer"));
    await second();
    assert.equal(seen.at(-1), undefined);
  });

  it("does not wait for the broker when the process stops", async () => {
    const metrics = new TaskTally({ flow: "f", task: "t" });
    const stop = new AbortController();
    const gauges = new QueueGauges({ metrics, log: quiet, stop: stop.signal });
    let asked = 0;
    const state = () => {
      asked++;
      return new Promise<QueueState>(() => {});
    };
    const unwatch = gauges.watch({
      consumer: { slots: 1, state, oldestAgeMs: none },
      worker: { inFlight: 1, held: 0 },
    });
    stop.abort();
    await unwatch();
    assert.equal(asked, 1);
    assert.equal(metrics.gauge("inFlight"), 0);
  });

  it("keeps the last answer while the broker is unreachable, and logs that at DEBUG only", async () => {
    const metrics = new TaskTally({ flow: "f", task: "t" });
    const lines: string[] = [];
    const log = createLogger({ level: "DEBUG", write: (line) => void lines.push(line) });
    const gauges = new QueueGauges({ metrics, log, stop: NEVER });
    metrics.set("pending", 3);
    const state = () => Promise.reject(new Error("no answer"));
    await gauges.watch({
      consumer: { slots: 1, state, oldestAgeMs: none },
      worker: { inFlight: 0, held: 0 },
    })();
    assert.equal(metrics.gauge("pending"), 3);
    assert.equal(lines.length, 2);
    assert.match(lines[0]!, /"DEBUG".*"no answer"/);
  });
});

/** So many turns of the event loop in which timers of 1 ms may run. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}
