import { after, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import process from "node:process";
import type { Command, CommandEnd, CommandOptions } from "../support/commands/command.ts";
import type { FlowFolder } from "../support/commands/flow_folder.ts";
import { onServers } from "../support/commands/on_servers.ts";
import { pause } from "../support/waiting.ts";
import { numbersFolder, workPipeline } from "./numbers_folder.ts";
import { judge, numbersIn } from "./oracle.ts";

const LONG = { timeout: 90_000 };
const COUNT = 40;
const BOMB = 20;
const ATTEMPTS = 3;
const LIMIT_BYTES = 500 << 20;

/**
 * One of the records takes memory until there is no more, of the heap or of the machine: in large pieces without references, since to
 * make and to look through many small ones takes longer than the ack wait where the machine is busy.
 */
const WORK = `
import { appendFileSync } from "node:fs";
const held = [];
export default async ({ n }) => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  if (n !== ${BOMB}) return { n };
  appendFileSync(process.env.PIDS, process.pid + "\\n");
  for (;;) {
    held.push(process.env.HEAP ? new Array(1 << 21).fill(0.5) : new Uint8Array(8 << 20).fill(1));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
};
`;

onServers("a record that takes all memory", (given) => {
  const folders: FlowFolder[] = [];
  after(async () => {
    for (const folder of folders) await folder.remove();
  });

  /** @param limit Lives as long as the worker, and sees to it that it does not get more than its limit. */
  async function becomesADeadLetter(
    options: CommandOptions,
    limit: (command: Command, pids: () => Promise<number[]>) => Promise<CommandEnd>,
  ): Promise<void> {
    const { servers, kflow } = given;
    const id = `memory-${crypto.randomUUID().slice(0, 8)}`;
    // So long that a worker which hangs for lack of memory is not handed its record once more, which would count.
    const meta = `max.attempts: ${ATTEMPTS}, max.poll.interval.ms: 8000`;
    const folder = await numbersFolder(COUNT, {
      "work.ts": WORK,
      "pipeline.yaml": workPipeline(id, meta),
    });
    folders.push(folder);
    const file = folder.file("pipeline.yaml");
    const env = { ...servers.environment(), ...options.env, PIDS: folder.file("pids.txt") };
    const made = await kflow.run(["worker", file, "--task", "make"], { env });
    assert.equal(made.status, 0, made.stderr);
    const pids = async () => {
      const text = await readFile(env.PIDS, "utf8").catch(() => "");
      return text.split("\n").filter((line) => line !== "").map(Number);
    };
    let ended = 0;
    for (;; ended++) {
      assert.ok(ended <= ATTEMPTS, "it never ends");
      const end = await limit(
        kflow.start(["worker", file, "--task", "work"], { ...options, env }),
        pids,
      );
      if (end.status === 3) break;
      assert.notEqual(end.status, 0, end.stderr);
    }
    assert.equal(ended, ATTEMPTS);
    assert.equal((await pids()).length, ATTEMPTS);
    const deadLetters = await numbersIn(servers, `kflow-${id}-dead`);
    assert.deepEqual(deadLetters, [BOMB]);
    const outputs = await numbersIn(servers, `kflow-${id}-end`);
    const verdict = judge({ outputs, deadLetters, givenUp: [] }, COUNT);
    assert.deepEqual(verdict, { lost: [], doubled: [], torn: [] });
  }

  const isLinux = process.platform === "linux";
  it(
    "is a dead letter after max.attempts where the machine kills whoever takes too much, others go on",
    { ...LONG, skip: !isLinux && "reads /proc" },
    () =>
      becomesADeadLetter({}, async (command, pids) => {
        const before = (await pids()).length;
        const deadline = performance.now() + 30_000;
        while (!command.isOver) {
          const pid = (await pids())[before];
          if (pid !== undefined && await residentBytes(pid) > LIMIT_BYTES) {
            command.signal("SIGKILL");
            break;
          }
          assert.ok(performance.now() < deadline, "it takes no memory");
          await pause(10);
        }
        return await command.end();
      }),
  );

  it(
    "is a dead letter after max.attempts where the heap has a limit, on Deno",
    LONG,
    () =>
      becomesADeadLetter({
        runtime: "deno",
        deno: ["run", "--v8-flags=--max-old-space-size=128"],
        env: { HEAP: "1" },
      }, (command) => command.end()),
  );
});

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
