import { after, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { onServers } from "../support/commands/on_servers.ts";
import { COUNT, FaultFlow, type Mode } from "./fault_flow.ts";
import { judge, type Verdict } from "./oracle.ts";

const SLOW = { timeout: 120_000 };

onServers("the oracle", (given) => {
  const flows: FaultFlow[] = [];
  after(async () => {
    for (const { folder } of flows) await folder.remove();
  });

  async function flowOf(mode: Mode): Promise<FaultFlow> {
    const flow = await FaultFlow.make(mode, given.kflow, given.servers);
    flows.push(flow);
    assert.equal((await flow.worker("make").end()).status, 0);
    return flow;
  }

  /** A build is killed at a step, and a good one goes on with what it left. */
  async function judgeKilled(mode: Mode, broken: string, failpoint: string): Promise<Verdict> {
    const flow = await flowOf(mode);
    const killed = await flow.worker("work", { broken, failpoint }).end();
    assert.equal(killed.signal, "SIGKILL", killed.stderr);
    const again = await flow.worker("work").end();
    assert.ok(again.status === 0 || again.status === 3, again.stderr);
    return judge(await flow.ends(), COUNT);
  }

  async function judgeSlow(broken?: string): Promise<Verdict> {
    const flow = await flowOf("slow");
    const workers = [flow.worker("work", { broken }), flow.worker("work", { broken })];
    for (const worker of workers) {
      const { status, stderr } = await worker.end();
      assert.ok(status === 0 || status === 3, stderr);
    }
    return judge(await flow.ends(), COUNT);
  }

  const CLEAN: Verdict = { lost: [], doubled: [], torn: [] };

  it("finds records lost by a build that acks before the confirmation", SLOW, async () => {
    const { lost } = await judgeKilled("automatic", "ack_before_confirmation", "after_ack:5");
    assert.ok(lost.length > 0);
  });

  it("finds nothing in a build that is only slow to publish", SLOW, async () => {
    assert.deepEqual(await judgeKilled("automatic", "late", "after_ack:5"), CLEAN);
  });

  it("finds records doubled by a build with random message ids", SLOW, async () => {
    const step = "after_publish_confirmed:8";
    const { doubled } = await judgeKilled("automatic", "random_ids", step);
    assert.ok(doubled.length > 0);
  });

  it("finds records lost by a build that acks before the error record", SLOW, async () => {
    const { lost } = await judgeKilled("side-stream", "error_record_after_ack", "after_ack:6");
    assert.ok(lost.length > 0);
  });

  it("finds records torn by a build that sends no heartbeats", SLOW, async () => {
    const { torn } = await judgeSlow("no_progress");
    assert.ok(torn.includes(4), String(torn));
  });

  it("finds nothing in a good build with a call longer than the ack wait", SLOW, async () => {
    assert.deepEqual(await judgeSlow(), CLEAN);
  });
});
