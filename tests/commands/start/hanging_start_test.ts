import { afterEach, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import process from "node:process";
import type { Command } from "../../support/commands/command.ts";
import { onServers } from "../../support/commands/on_servers.ts";

/** Loads only when there is a file `go` beside it. */
const WAITING_MODULE = `
  import { existsSync } from "node:fs";
  console.error("loads");
  const go = new URL("go", import.meta.url);
  while (!existsSync(go)) await new Promise((resolve) => setTimeout(resolve, 20));
  export { default } from "./describe.ts";
`;

onServers("kflow run while the NATS server hangs", (given) => {
  const hang = () => process.kill(given.servers.nats.pid, "SIGSTOP");
  const goOn = () => process.kill(given.servers.nats.pid, "SIGCONT");
  afterEach(goOn);

  async function endsWell(run: Command, expected = 0): Promise<void> {
    const { status, stderr } = await run.end();
    assert.equal(status, expected, stderr);
    const plain = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{"));
    assert.deepEqual(plain.filter((line) => line !== "loads"), []);
  }

  for (const way of ["ws", "tcp"] as const) {
    it(
      `from before its start, over ${way}: says so, and goes on when it answers`,
      async () => {
        const flow = await given.newFlow();
        hang();
        const run = flow.run({ way });
        await run.sees(/"WARNING","message":"Cannot start yet, trying again in \d+ ms"/);
        await run.sees("no NATS greeting within 5 s");
        goOn();
        await endsWell(run);
        await flow.isCompleteAndOnce();
      },
    );
  }

  it("while a module is loaded: says so, and goes on when it answers", async () => {
    const flow = await given.newFlow();
    await flow.folder.write("waiting.ts", WAITING_MODULE);
    flow.set("dag.describe.module", "./waiting.ts");
    const run = flow.run();
    await run.sees("loads");
    hang();
    await flow.folder.write("go", "");
    await run.sees(/"WARNING","message":"Cannot start yet, trying again in \d+ ms"/);
    goOn();
    await endsWell(run);
    await flow.isCompleteAndOnce();
  });

  it("and is stopped by a signal", async () => {
    const flow = await given.newFlow();
    hang();
    const run = flow.run();
    await run.sees("Cannot start yet");
    run.signal("SIGTERM");
    await endsWell(run, 143);
    assert.equal(existsSync(flow.folder.file(".kflow")), false);
  });
});
