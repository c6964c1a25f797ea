import { after, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { RUNTIMES } from "../support/runtimes.ts";
import type { FlowFolder } from "../support/commands/flow_folder.ts";
import { onServers } from "../support/commands/on_servers.ts";
import { numbersFolder, workPipeline } from "./numbers_folder.ts";
import { judge, numbersIn } from "./oracle.ts";

const LONG = { timeout: 120_000 };
const COUNT = 40;

/** One of the records ends whoever works on it. */
const WORK = `
import { appendFileSync } from "node:fs";
export default async ({ n }) => {
  appendFileSync(process.env.CALLS, n + "\\n");
  if (n === 20) process.kill(process.pid, "SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, 1));
  return { n };
};
`;

onServers("a record that ends every worker", (given) => {
  let folder: FlowFolder | undefined;
  after(() => folder?.remove());

  it(
    "becomes a dead letter after max.attempts calls, and those that waited behind it do not",
    LONG,
    async () => {
      const { servers, kflow } = given;
      const id = `killer-${crypto.randomUUID().slice(0, 8)}`;
      folder = await numbersFolder(COUNT, {
        "work.ts": WORK,
        "pipeline.yaml": workPipeline(id, "max.poll.interval.ms: 1000"),
      });
      const file = folder.file("pipeline.yaml");
      const env = { ...servers.environment(), CALLS: folder.file("calls.txt") };
      assert.equal(
        (await kflow.start(["worker", file, "--task", "make"], { env }).end(30_000)).status,
        0,
      );
      let kills = 0;
      for (;;) {
        const runtime = RUNTIMES[kills % RUNTIMES.length]!;
        const end = await kflow.start(["worker", file, "--task", "work"], { env, runtime }).end(
          60_000,
        );
        if (end.signal === "SIGKILL") {
          assert.ok(++kills < 20, "it never ends");
          continue;
        }
        assert.equal(end.status, 3, end.stderr);
        break;
      }
      const calls = new TextDecoder().decode(await folder.read("calls.txt")).split("\n");
      assert.equal(calls.filter((n) => n === "20").length, 5);
      assert.equal(kills, 5);
      const deadLetters = await numbersIn(servers, `kflow-${id}-dead`);
      assert.deepEqual(deadLetters, [20]);
      const outputs = await numbersIn(servers, `kflow-${id}-end`);
      const verdict = judge({ outputs, deadLetters, givenUp: [] }, COUNT);
      assert.deepEqual(verdict, { lost: [], doubled: [], torn: [] });
      const state = await servers.messages("KV_kflow-state");
      assert.deepEqual(state.filter(({ subject }) => subject.includes(".begun.")), []);
    },
  );
});
