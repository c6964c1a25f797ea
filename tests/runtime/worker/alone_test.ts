import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Context } from "../../../src/api/context.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { runFlow } from "../../support/in_process/flow.ts";
import { within } from "../../support/waiting.ts";

const SCHEMA = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';

function pipeline(name: string, meta: string): string {
  return `
name: ${name}
mode: batch
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${SCHEMA}', out: [work]}
  - {id: work, type: raw, module: ./work.ts, schema: '${SCHEMA}', out: [show], meta: ${meta}}
  - {id: show, type: print}
`;
}

onBothBrokers("a record that fails without ending its worker", (given) => {
  it("does not get its worker to itself, however often it has failed", async () => {
    const thirdAttempt = Promise.withResolvers<void>();
    const goodDone = Promise.withResolvers<void>();
    async function* make() {
      yield { n: 0 };
      await within(thirdAttempt.promise, 10_000, "the third attempt");
      yield { n: 1 };
    }
    const { task, printed } = await runFlow({
      yaml: pipeline(given.flowId(), "{retry.delay.ms: 1, concurrency: 2}"),
      broker: given.broker,
      functions: {
        make,
        work: async ({ n }: { n: number }, { delivery }: Context) => {
          if (n === 1) {
            goodDone.resolve();
            return { n };
          }
          if (delivery.attempt < 3) throw new Error("not yet");
          thirdAttempt.resolve();
          await within(goodDone.promise, 10_000, "the record beside it");
          return { n };
        },
      },
    });
    const { counts } = task("work");
    assert.deepEqual([counts.errors, counts.dead, counts.acked], [2, 0, 2]);
    assert.equal(printed.length, 2);
  });

  it("is tried as often as max.attempts says", async () => {
    let calls = 0;
    const { task } = await runFlow({
      yaml: pipeline(given.flowId(), "{retry.delay.ms: 1, max.attempts: 6}"),
      broker: given.broker,
      functions: {
        make: [{ n: 0 }],
        work: () => {
          calls++;
          throw new Error("never");
        },
      },
    });
    assert.deepEqual([calls, task("work").counts.dead], [6, 1]);
    assert.deepEqual(await given.broker.state.keys("begun"), []);
  });

  it("counts an attempt that outlives its ack wait as one whose worker lives", async () => {
    const thirdAttempt = Promise.withResolvers<void>();
    const goodDone = Promise.withResolvers<void>();
    async function* make() {
      yield { n: 0 };
      await within(thirdAttempt.promise, 30_000, "the third attempt");
      yield { n: 1 };
    }
    const { task } = await runFlow({
      yaml: pipeline(given.flowId(), "{max.poll.interval.ms: 1000, concurrency: 4}"),
      broker: given.broker,
      functions: {
        make,
        work: async ({ n }: { n: number }, { delivery }: Context) => {
          if (n === 1) goodDone.resolve();
          if (n === 1 || delivery.attempt > 3) return;
          if (delivery.attempt === 3) thirdAttempt.resolve();
          // The first attempts hang until the record that came later is done.
          await within(goodDone.promise, 30_000, "the record beside it");
        },
      },
    });
    assert.equal(task("work").counts.dead, 0);
  });
});
