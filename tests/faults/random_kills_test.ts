import { after, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import process from "node:process";
import { type Command, type CommandEnd, type Runtime, RUNTIMES } from "../support/command.ts";
import { FlowFolder } from "../support/flow_folder.ts";
import { onServers } from "../support/on_servers.ts";
import { judge, numbersIn } from "./oracle.ts";
import { Random } from "./random.ts";

/** In the ordinary test run a small part of what `npm run test:faults` does. */
const ALL = process.env.KFLOW_TEST_FAULTS === "all";
const RECORDS = ALL ? 100_000 : 6_000;
const KILLS = ALL ? 200 : 8;
const RESTARTS = ALL ? 20 : 1;
const FREEZE_MS = ALL ? 30_000 : 3_000;
const FREEZES = ALL ? 2 : 1;
const LONG = { timeout: ALL ? 1_800_000 : 180_000 };

const NUMBER = '{"type":"record","name":"number","fields":[{"name":"n","type":"int"}]}';

/** Slow enough that a worker always has some in its hands. */
const PASS = `
export default async ({ n }) => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  return { n };
};
`;
const META = "concurrency: 16, max.poll.interval.ms: 2000";
/** Records a second: they come for as long as the faults do. */
const RATE = 800;

/** What happens to whom, in this order. */
type Event = "worker" | "nats" | "freeze";

/** Keeps workers of every task running until each task is finished, whatever becomes of them. */
class Supervisor {
  readonly #start: (task: string, runtime: Runtime) => Command;
  readonly #random: Random;
  readonly #alive = new Set<Command>();
  readonly #failed: string[] = [];
  kills = 0;

  constructor(start: (task: string, runtime: Runtime) => Command, random: Random) {
    this.#start = start;
    this.#random = random;
  }

  /** Resolves when there is no worker any more. Rejects if one ended with an error. */
  async keep(tasks: readonly string[]): Promise<void> {
    await Promise.all(tasks.map((task) => this.#keepOne(task)));
    assert.deepEqual(this.#failed, []);
  }

  get isOver(): boolean {
    return this.#failed.length > 0 || this.#alive.size === 0;
  }

  /** Ends a worker. */
  kill(): void {
    const commands = [...this.#alive];
    if (commands.length === 0) return;
    commands[this.#random.below(commands.length)]!.signal("SIGKILL");
    this.kills++;
  }

  async #keepOne(task: string): Promise<void> {
    for (;;) {
      const command = this.#start(task, this.#random.pick(RUNTIMES));
      this.#alive.add(command);
      const end: CommandEnd = await command.end(LONG.timeout);
      this.#alive.delete(command);
      if (end.status === 0) return;
      if (end.signal !== "SIGKILL") return void this.#failed.push(`${task}: ${end.stderr}`);
    }
  }
}

onServers("random faults", (given) => {
  let folder: FlowFolder | undefined;
  after(() => folder?.remove());

  const title =
    `of workers and of the NATS server leave nothing lost and nothing doubled, by a seed that is printed`;
  it(title, LONG, async () => {
    const seed = Number(process.env.KFLOW_TEST_SEED ?? Date.now() % 1_000_000);
    console.log(`seed ${seed}: KFLOW_TEST_SEED=${seed} repeats the order of the faults`);
    const random = new Random(seed);
    const { servers, kflow } = given;
    const id = `random-${crypto.randomUUID().slice(0, 8)}`;
    folder = await FlowFolder.make();
    await folder.write("pass.ts", PASS);
    await folder.write(
      "make.ts",
      `export default function* () { for (let n = 0; n < ${RECORDS}; n++) yield { n }; }\n`,
    );
    await folder.write(
      "pipeline.yaml",
      `
mode: batch
name: ${id}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${NUMBER}', out: [first], meta: {rate: ${RATE}}}
  - {id: first, type: raw, module: ./pass.ts, schema: '${NUMBER}', out: [second], meta: {${META}}}
  - {id: second, type: raw, module: ./pass.ts, schema: '${NUMBER}', out: [end], meta: {${META}}}
  - {id: end, type: print}
`,
    );
    const pipeline = folder.file("pipeline.yaml");
    const env = servers.environment();
    const supervisor = new Supervisor((task, runtime) => {
      return kflow.start(["worker", pipeline, "--task", task], { runtime, env });
    }, random);
    const kept = supervisor.keep(["make", "first", "first", "second", "second"]);
    const events: Event[] = [
      ...Array<Event>(KILLS).fill("worker"),
      ...Array<Event>(RESTARTS).fill("nats"),
      ...Array<Event>(FREEZES).fill("freeze"),
    ];
    while (events.length > 0 && !supervisor.isOver) {
      const [event] = events.splice(random.below(events.length), 1);
      await pause(random.below(800));
      if (event === "worker") supervisor.kill();
      else if (event === "nats") {
        await servers.nats.kill();
        await pause(random.below(500));
        await servers.nats.restart();
      } else {
        process.kill(servers.nats.pid, "SIGSTOP");
        await pause(FREEZE_MS);
        process.kill(servers.nats.pid, "SIGCONT");
      }
    }
    await kept;
    console.log(`${supervisor.kills} workers killed`);
    assert.ok(supervisor.kills >= KILLS / 2 && events.length <= KILLS / 2);
    for (const task of ["first", "second", "end"]) {
      const outputs = await numbersIn(servers, `kflow-${id}-${task}`);
      const verdict = judge({ outputs, deadLetters: [], givenUp: [] }, RECORDS);
      assert.deepEqual(verdict, { lost: [], doubled: [], torn: [] }, `on the way to ${task}`);
    }
    assert.deepEqual(await numbersIn(servers, `kflow-${id}-dead`), []);
  });
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
