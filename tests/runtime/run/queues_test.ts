import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { FlowNames } from "../../../src/broker/subjects.ts";
import { deadQueueOf, queueOf } from "../../../src/runtime/run/queues.ts";
import { loadGood } from "../../pipeline/support/load.ts";

const MINUTE = 60_000;
const SCHEMA = '{"type":"record","name":"r","fields":[]}';
const names = new FlowNames("f");

async function planWith(metas: { work?: string; last?: string; side?: string }) {
  return await loadGood(`
dag:
  - {id: list, type: fs-source, addr: h, topics: s3a://docs, out: [work]}
  - {id: work, type: raw, image: x, out: [last], sideOuts: [{id: off, schema: '${SCHEMA}', out: [side]}], schema: '${SCHEMA}', meta: {${
    metas.work ?? ""
  }}}
  - {id: last, type: print, meta: {${metas.last ?? ""}}}
  - {id: side, type: print, meta: {${metas.side ?? ""}}}
`);
}

async function windows(metas: Parameters<typeof planWith>[0]): Promise<Record<string, number>> {
  const { tasks } = await planWith(metas);
  const inputs = tasks.filter(({ kind }) => kind !== "source");
  const queues = inputs.map((task) => [task.id, queueOf(task, names, 1).duplicateWindowMs]);
  return {
    ...Object.fromEntries(queues),
    dead: deadQueueOf(tasks, names, 1).duplicateWindowMs,
  };
}

describe("duplicate windows", () => {
  it("are ten minutes at least", async () => {
    const all = { work: 10 * MINUTE, last: 10 * MINUTE, side: 10 * MINUTE, dead: 10 * MINUTE };
    assert.deepEqual(await windows({}), all);
    assert.deepEqual(await windows({ work: "max.poll.interval.ms: 20000" }), all);
  });

  it("outlast five ack waits of the task that fills the queue, whose records may be redelivered that late", async () => {
    assert.deepEqual(await windows({ work: `max.poll.interval.ms: ${60 * MINUTE}` }), {
      work: 300 * MINUTE,
      last: 300 * MINUTE,
      side: 300 * MINUTE,
      dead: 300 * MINUTE,
    });
  });

  it("outlast five ack waits of the task itself, and do not concern other queues", async () => {
    assert.deepEqual(await windows({ last: `max.poll.interval.ms: ${60 * MINUTE}` }), {
      work: 10 * MINUTE,
      last: 300 * MINUTE,
      side: 10 * MINUTE,
      dead: 300 * MINUTE,
    });
  });

  it("are as long as the file says", async () => {
    const found = await windows({
      work: `max.poll.interval.ms: ${60 * MINUTE}`,
      last: "duplicate.window.ms: 5000",
    });
    assert.equal(found.last, 5_000);
    assert.equal(found.side, 300 * MINUTE);
  });
});
