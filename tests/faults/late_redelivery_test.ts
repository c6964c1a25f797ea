import { after, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { FlowFolder } from "../support/commands/flow_folder.ts";
import { onServers } from "../support/commands/on_servers.ts";
import { numbersFolder, workPipeline } from "./numbers_folder.ts";
import { judge, numbersIn, type Verdict } from "./oracle.ts";

const LONG = { timeout: 120_000 };
const COUNT = 40;
const ACK_WAIT_MS = 4_000;

onServers("what comes again after a kill", (given) => {
  const folders: FlowFolder[] = [];
  after(async () => {
    for (const folder of folders) await folder.remove();
  });

  /** A worker is killed with outputs confirmed and inputs not acknowledged, and another goes on once the ack wait has passed. */
  async function killed(windowMs: number): Promise<{ verdict: Verdict; redelivered: number }> {
    const { servers, kflow } = given;
    const id = `late-${crypto.randomUUID().slice(0, 8)}`;
    const folder = await numbersFolder(COUNT, {
      "work.ts": "export default (record) => record;\n",
      "pipeline.yaml": workPipeline(id, `max.poll.interval.ms: ${ACK_WAIT_MS}`, {
        end: `duplicate.window.ms: ${windowMs}`,
      }),
    });
    folders.push(folder);
    const worker = (task: string, env: Readonly<Record<string, string>> = {}) =>
      kflow.start(["worker", folder.file("pipeline.yaml"), "--task", task], {
        env: { ...servers.environment(), ...env },
      }).end(60_000);
    assert.equal((await worker("make")).status, 0);
    const failpoint = { KFLOW_FAILPOINT: "after_publish_confirmed:8:SIGKILL" };
    assert.equal((await worker("work", failpoint)).signal, "SIGKILL");
    const again = await worker("work");
    assert.equal(again.status, 0, again.stderr);
    const [, redelivered] = /"redelivered":(\d+)/.exec(again.stderr) ?? [];
    const outputs = await numbersIn(servers, `kflow-${id}-end`);
    const verdict = judge({ outputs, deadLetters: [], givenUp: [] }, COUNT);
    return { verdict, redelivered: Number(redelivered) };
  }

  it(
    "is stored twice where the duplicate window has passed meanwhile, and nothing is lost",
    LONG,
    async () => {
      const { verdict: { doubled, ...others }, redelivered } = await killed(1_000);
      assert.deepEqual(others, { lost: [], torn: [] });
      assert.ok(doubled.length > 0 && doubled.length <= redelivered, `${doubled}: ${redelivered}`);
    },
  );

  it("is stored once within the window", LONG, async () => {
    const { verdict, redelivered } = await killed(5 * ACK_WAIT_MS);
    assert.deepEqual(verdict, { lost: [], doubled: [], torn: [] });
    assert.ok(redelivered > 0);
  });
});
