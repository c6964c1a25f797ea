import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { connect } from "nats";
import { eventually, pause, within } from "../../support/waiting.ts";
import { runFlow } from "../../support/in_process/flow.ts";
import { onNats } from "../../support/in_process/on_nats.ts";

const SCHEMA = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';

onNats("a queue that is purged while its task works", (given) => {
  it("does not end the batch before the outputs in progress are taken", async () => {
    const working = Promise.withResolvers<void>();
    const purged = Promise.withResolvers<void>();
    const run = runFlow({
      yaml: `
name: purged
mode: batch
dag:
  - {id: make, type: raw-source, module: ./x.ts, schema: '${SCHEMA}', out: [work]}
  - {id: work, type: raw, module: ./x.ts, schema: '${SCHEMA}', out: [show]}
  - {id: show, type: print}
`,
      broker: given.broker,
      functions: {
        make: [{ n: 1 }],
        work: async ({ n }: { n: number }) => {
          working.resolve();
          await within(purged.promise, 30_000, "purge");
          return { n };
        },
      },
    });
    await within(working.promise, 10_000, "call");
    await eventually(
      async () => await given.broker.state.get("finished.purged.run-1.make") !== undefined,
      "end of the source",
    );
    const connection = await connect({ servers: given.server.tcpUrl });
    await (await connection.jetstreamManager()).streams.purge("kflow-purged-work");
    await connection.close();
    // Twice as long as the longest time between two looks at the queue.
    await pause(1000);
    purged.resolve();
    const { printed } = await run;
    assert.deepEqual(printed, [{ n: 1 }]);
    const state = await given.broker.queueState("kflow-purged-show", "purged-show");
    assert.equal(state?.pending, 0);
  });
});

onNats("a source whose queue is full", (given) => {
  it(
    "stops long before its grace is over, and continues without gaps or duplicates",
    async () => {
      const stop = new AbortController();
      const kill = new AbortController();
      const schema =
        '{"type":"record","name":"n","fields":[{"name":"n","type":"int"},{"name":"fill","type":"string"}]}';
      const options = {
        yaml: `
name: full
mode: batch
dag:
  - {id: make, type: raw-source, module: ./x.ts, schema: '${schema}', out: [work]}
  - {id: work, type: raw, module: ./x.ts, meta: {stream.max.bytes: 65536}}
`,
        broker: given.broker,
      };
      const rows = Array.from({ length: 80 }, (_, n) => ({ n, fill: "x".repeat(1000) }));
      const first = runFlow({
        ...options,
        only: ["make"],
        functions: { make: rows },
        stop: stop.signal,
        kill: kill.signal,
      });
      let before = 0;
      await eventually(async () => {
        const state = await given.broker.queueState("kflow-full-work", "full-work");
        const messages = state?.messages ?? await stored();
        const isFull = messages > 0 && messages === before;
        before = messages;
        return isFull;
      }, "full queue");
      stop.abort();
      await within(first, 10_000, "end of the source, which has no other end than this");
      assert.equal(kill.signal.aborted, false);
      const seen: number[] = [];
      const { report } = await runFlow({
        ...options,
        functions: { make: rows, work: ({ n }: { n: number }) => void seen.push(n) },
      });
      assert.equal(report.finished, true);
      assert.deepEqual(seen, rows.map(({ n }) => n));

      async function stored(): Promise<number> {
        const connection = await connect({ servers: given.server.tcpUrl });
        try {
          const manager = await connection.jetstreamManager();
          return (await manager.streams.info("kflow-full-work")).state.messages;
        } catch {
          return 0;
        } finally {
          await connection.close();
        }
      }
    },
  );
});
