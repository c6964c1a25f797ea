import { after, before, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import process from "node:process";
import { FAILPOINTS } from "../../src/settings/failpoint_setting.ts";
import { onServers } from "../support/commands/on_servers.ts";
import { COUNT, DOCS, FaultFlow, type Mode } from "./fault_flow.ts";
import { judge } from "./oracle.ts";

const SLOW = { timeout: 120_000 };

/** By mode the steps at which a worker is killed there, and for the how manieth time that it comes by. */
const STEPS: Readonly<Record<Exclude<Mode, "slow">, readonly string[]>> = {
  automatic: [
    "after_delivery:2",
    "before_call:7",
    "after_call:5",
    "before_publish:5",
    "after_publish:5",
    "before_publish_confirmed:5",
    "after_publish_confirmed:5",
    "before_ack:5",
    "after_ack:5",
    "before_nak:1",
    "after_nak:1",
    "before_dead_letter:1",
    "after_dead_letter:1",
    "before_finished:1",
    "after_finished:1",
  ],
  "side-stream": [
    "before_error_record:2",
    "after_error_record:2",
    "before_ack:4",
    "after_ack:4",
    "before_nak:2",
    "after_nak:2",
    "after_dead_letter:1",
  ],
  manual: [
    "after_call:7",
    "before_publish:8",
    "after_publish:8",
    "after_publish_confirmed:8",
    "before_ack:8",
    "after_ack:8",
    "before_finished:1",
  ],
  bulk: [
    "before_flush:2",
    "before_put:2",
    "after_put:2",
    "after_flush:2",
    "before_ack:7",
    "after_ack:7",
    "before_finished:1",
  ],
  download: [
    "before_download:3",
    "after_download:3",
    "before_call:3",
    "after_call:3",
    "before_ack:3",
    "after_ack:3",
    "before_remove:3",
    "after_remove:3",
  ],
};

/** In the ordinary test run every second step is taken; `npm run test:faults` takes all. */
const ALL = process.env.KFLOW_TEST_FAULTS === "all";
const isTaken = (index: number) => ALL || index % 2 === 0;

onServers("a worker that is killed", (given) => {
  const flows: FaultFlow[] = [];
  before(async () => {
    const { servers } = given;
    await servers.makeBuckets(DOCS);
    const text = (n: number) => new TextEncoder().encode(String(n));
    const docs = Array.from({ length: COUNT }, (_none, n) => [`${n}.txt`, text(n)] as const);
    await servers.put(DOCS, new Map(docs));
  }, SLOW);
  after(async () => {
    for (const { folder } of flows) await folder.remove();
  });

  for (const [mode, steps] of Object.entries(STEPS) as [Mode, readonly string[]][]) {
    for (const step of steps.filter((_step, index) => isTaken(index))) {
      it(`${step} in ${mode} mode leaves nothing lost and nothing doubled`, SLOW, async () => {
        const flow = await FaultFlow.make(mode, given.kflow, given.servers);
        flows.push(flow);
        const made = await flow.worker("make").end();
        assert.equal(made.status, 0, made.stderr);
        const killed = await flow.worker("work", { failpoint: step }).end();
        assert.equal(killed.signal, "SIGKILL", killed.stderr);
        const again = await flow.worker("work").end();
        assert.ok(again.status === 0 || again.status === 3, again.stderr);
        const ends = await flow.ends();
        assert.deepEqual(judge(ends, COUNT), { lost: [], doubled: [], torn: [] }, again.stderr);
        assert.equal(ends.outputs.length > 0, true);
      });
    }
  }

  it("has been killed at every step there is", () => {
    const tried = new Set(Object.values(STEPS).flat().map((step) => step.split(":")[0]));
    assert.deepEqual(Object.keys(FAILPOINTS).filter((point) => !tried.has(point)), []);
  });
});
