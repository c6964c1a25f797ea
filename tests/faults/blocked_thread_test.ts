import { after, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import process from "node:process";
import { RUNTIMES } from "../support/runtimes.ts";
import type { FlowFolder } from "../support/commands/flow_folder.ts";
import { onServers } from "../support/commands/on_servers.ts";
import { numbersFolder, workPipeline } from "./numbers_folder.ts";
import { judge, numbersIn } from "./oracle.ts";

const LONG = { timeout: 180_000 };
const COUNT = 40;
/** In the ordinary test run a small part of what `npm run test:faults` does. */
const ALL = process.env.KFLOW_TEST_FAULTS === "all";
/** Longer than two pings of the NATS client and several ack waits. */
const BLOCKED_MS = ALL ? 30_000 : 13_000;

const WORK = `
export default (record, ctx) => {
  const end = performance.now() + (record.n === 20 && ctx.delivery.attempt === 1 ? ${BLOCKED_MS} : 1);
  while (performance.now() < end);
  return record;
};
`;

onServers("a worker whose thread was blocked by a call", (given) => {
  const folders: FlowFolder[] = [];
  after(async () => {
    for (const folder of folders) await folder.remove();
  });

  for (const workers of ALL ? [1, 2] : [2]) {
    it(`goes on where it was, one of ${workers}, with nothing lost or doubled`, LONG, async () => {
      const { servers, kflow } = given;
      const id = `blocked-${crypto.randomUUID().slice(0, 8)}`;
      const folder = await numbersFolder(COUNT, {
        "work.ts": WORK,
        "pipeline.yaml": workPipeline(id, "max.poll.interval.ms: 2000"),
      });
      folders.push(folder);
      const start = (task: string, at = 0) =>
        kflow.start(["worker", folder.file("pipeline.yaml"), "--task", task], {
          env: servers.environment(),
          runtime: RUNTIMES[at]!,
        });
      assert.equal((await start("make").end(30_000)).status, 0);
      const started = Array.from({ length: workers }, (_none, i) => start("work", i));
      for (const worker of started) {
        const { status, stderr } = await worker.end(LONG.timeout);
        assert.equal(status, 0, stderr);
      }
      const outputs = await numbersIn(servers, `kflow-${id}-end`);
      const deadLetters = await numbersIn(servers, `kflow-${id}-dead`);
      assert.deepEqual(deadLetters, []);
      const verdict = judge({ outputs, deadLetters, givenUp: [] }, COUNT);
      assert.deepEqual(verdict, { lost: [], doubled: [], torn: [] });
    });
  }
});
