import { after, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import process from "node:process";
import { onServers } from "../support/commands/on_servers.ts";
import { pause } from "../support/waiting.ts";
import { testSeed } from "../support/data/test_seed.ts";
import { NumberedFlow, type NumberedTask } from "./numbered_flow.ts";
import { Random } from "./random.ts";
import { Supervisor } from "./supervisor.ts";

/** In the ordinary test run a small part of what `npm run test:faults` does. */
const ALL = process.env.KFLOW_TEST_FAULTS === "all";
const RECORDS = ALL ? 100_000 : 6_000;
/** Records the source makes in a second: slow enough that work lasts for as long as the faults come. */
const RATE = ALL ? 300 : 500;
const FREEZE_MS = ALL ? 30_000 : 3_000;
const LONG = { timeout: ALL ? 1_800_000 : 180_000 };

/** What happens to whom, and how often. */
const EVENTS = {
  worker: ALL ? 200 : 8,
  nats: ALL ? 20 : 1,
  minio: ALL ? 10 : 1,
  frozenNats: ALL ? 2 : 1,
  frozenMinio: ALL ? 2 : 1,
};
type Event = keyof typeof EVENTS;

onServers("random faults", (given) => {
  let flow: NumberedFlow | undefined;
  after(() => flow?.remove());

  const title =
    "of workers and servers leave nothing lost and nothing doubled, by a seed that is printed";
  it(title, LONG, async () => {
    const random = new Random(testSeed());
    const { servers } = given;
    const { nats, minio } = servers;
    // Slow enough that a worker always has some in its hands.
    const made = flow = await NumberedFlow.make(given, {
      records: RECORDS,
      rate: RATE,
      workMs: 20,
      ackWaitMs: 2_000,
    });
    const env = servers.environment();
    const supervisor = new Supervisor({
      start: (task, runtime) => made.worker(task as NumberedTask, { runtime, env }),
      random,
      withinMs: LONG.timeout,
    });
    const kept = supervisor.keep(["make", "first", "first", "second", "second", "store"]);
    const happens: Record<Event, () => void | Promise<void>> = {
      worker: () => supervisor.kill(),
      nats: () => restarted(nats),
      minio: () => restarted(minio),
      frozenNats: () => frozen(nats.pid),
      frozenMinio: () => frozen(minio.pid),
    };
    const happened: Partial<Record<Event, number>> = {};
    const events = (Object.keys(EVENTS) as Event[]).flatMap((event) =>
      Array<Event>(EVENTS[event]).fill(event)
    );
    while (events.length > 0 && !supervisor.isOver) {
      const [event] = events.splice(random.below(events.length), 1);
      await pause(random.below(800));
      await happens[event!]();
      happened[event!] = (happened[event!] ?? 0) + 1;
    }
    await kept;
    assert.deepEqual(happened, EVENTS, "the work was done before the faults");
    assert.equal(supervisor.kills, EVENTS.worker);
    await made.isCompleteAndOnce(JSON.stringify(happened));

    async function restarted(
      server: { kill(): Promise<void>; restart(): Promise<void> },
    ): Promise<void> {
      await server.kill();
      await pause(random.below(500));
      await server.restart();
    }
  });
});

async function frozen(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await pause(FREEZE_MS);
  process.kill(pid, "SIGCONT");
}
