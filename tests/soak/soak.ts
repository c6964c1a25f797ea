// The soak: a pipeline under load and faults of every kind for as long as one likes. Ends with 1 if anything was lost or doubled, grew, or stood idle.
import process from "node:process";
import { parseArgs } from "node:util";
import { NumberedFlow, type NumberedTask } from "../faults/numbered_flow.ts";
import { Random } from "../faults/random.ts";
import { StrangeRecords } from "../faults/strange_records.ts";
import { Supervisor } from "../faults/supervisor.ts";
import { CommandLine } from "../support/commands/command.ts";
import { type Runtime, RUNTIMES } from "../support/runtimes.ts";
import { startTcpProxy } from "../support/servers/tcp_proxy.ts";
import { TestServers } from "../support/servers/test_servers.ts";
import { flatness } from "./flatness.ts";
import { IdleWatch } from "./idle_watch.ts";
import { Storm } from "./storm.ts";
import type { Sample } from "./watched.ts";

/**
 * V8 gives its memory for young objects 48 MiB or a tenth of that, as it likes: always 48, so that a growth which is seen is one. Who is watched collects garbage before each
 * look.
 */
const V8_FLAGS = "--expose-gc,--min-semi-space-size=16,--max-semi-space-size=16";

const USAGE = `npm run soak -- [options]
  --minutes N          for each runtime (10)
  --seed N             repeats the order of the faults
  --runtime deno|bun   only this one
  --rate N             records a second (200)`;

/** Without faults, at the beginning until all workers work and at the end. */
const CALM_MS = 10_000;
/** Limits how long what is left may take. A slow machine takes its time; a worker that stands idle is found by the idle watch. */
const END_MS = 900_000;
/** No worker may stand idle for longer once a fault is over. */
const IDLE_MS = 5_000;
/** With 1, because some records are dead letters. */
const STATUSES = [0, 3];
/** Messages at once that are no records. */
const STRANGE = 20;
const WATCHED: readonly NumberedTask[] = ["first", "second", "store"];

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    runtime: { type: "string" },
    rate: { type: "string", default: "200" },
    help: { type: "boolean" },
  },
});
const minutes = Number(values.minutes);
const rate = Number(values.rate);
const seed = Number(values.seed);
const runtimes = RUNTIMES.filter((runtime) =>
  values.runtime === undefined || values.runtime === runtime
);
if (values.help || !(minutes >= 1 && rate >= 1 && seed >= 0) || runtimes.length === 0) {
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}
console.log(`seed ${seed}: --seed ${seed} repeats the order of the faults`);
let failures = 0;
for (const runtime of runtimes) {
  for (const failure of await soak(runtime)) {
    failures++;
    console.log(`${runtime}: FAILED: ${failure}`);
  }
}
process.exit(failures > 0 ? 1 : 0);

/** @returns What went wrong. */
async function soak(runtime: Runtime): Promise<string[]> {
  const random = new Random(seed);
  const kflow = new CommandLine();
  const servers = await TestServers.start();
  const proxies = {
    ws: await startTcpProxy(servers.nats.wsPort),
    tcp: await startTcpProxy(servers.nats.tcpPort),
    s3: await startTcpProxy(Number(new URL(servers.minio.endpoint).port)),
  };
  const flow = await NumberedFlow.make({ kflow, servers }, {
    records: Math.round(minutes * 60 * rate),
    rate,
    padding: 200,
    workMs: 2,
    ackWaitMs: 4_000,
    mixed: true,
  });
  try {
    const environment = (way: "ws" | "tcp") => ({
      ...servers.environment(),
      ...servers.natsEnvironment(
        way === "ws" ? `ws://127.0.0.1:${proxies.ws.port}` : `nats://127.0.0.1:${proxies.tcp.port}`,
      ),
      KFLOW_STORE_ADDR: `http://127.0.0.1:${proxies.s3.port}`,
      KFLOW_CREATE_SIDESTREAM: "true",
    });
    const supervisor = new Supervisor({
      start: (task) => {
        const env = environment(random.below(2) === 0 ? "ws" : "tcp");
        return flow.worker(task as NumberedTask, { runtime, env });
      },
      random,
      withinMs: minutes * 60_000 + END_MS,
      statuses: STATUSES,
    });
    const kept = supervisor.keep(["make", ...WATCHED]);
    // Beside those that are killed, one of each task that lives for as long as the soak.
    const watched = WATCHED.map((task, i) => ({
      task,
      command: flow.worker(task, {
        runtime,
        main: "tests/soak/watched.ts",
        env: {
          ...environment(i % 2 === 0 ? "ws" : "tcp"),
          SOAK_SAMPLES: flow.folder.file(`${task}.jsonl`),
          DENO_V8_FLAGS: V8_FLAGS,
        },
      }),
    }));
    const strange = new StrangeRecords(servers, flow.id);
    const failed: string[] = [];
    const storm = new Storm({
      random,
      servers,
      proxies,
      kill: () => supervisor.kill(),
      evict: () => supervisor.evict(),
      sendStrange: () => strange.send(random, STRANGE),
      async intrude() {
        const { status, stderr } = await flow.intruder({ runtime, env: environment("ws") }).end();
        if (status !== 1 || !stderr.includes("the name of another pipeline")) {
          failed.push(`another pipeline under the name: ${status} ${stderr}`);
        }
      },
    });
    const idle = new IdleWatch(flow, storm);
    await new Promise((resolve) => setTimeout(resolve, CALM_MS));
    await storm.rage(performance.now() + minutes * 60_000 - 2 * CALM_MS);
    const ends = await Promise.allSettled([
      kept,
      ...watched.map(async ({ task, command }) => {
        const { status, stderr } = await command.end(END_MS);
        if (!STATUSES.includes(status ?? -1)) {
          throw new Error(`${task} ended with ${status}: ${stderr}`);
        }
      }),
    ]);
    idle.stop();
    for (const end of ends) if (end.status === "rejected") failed.push(String(end.reason));
    await flow.isCompleteAndOnce(runtime).catch((error) => failed.push(String(error)));
    failed.push(...await strange.mistakes());
    for (const { task } of watched) {
      const lines = new TextDecoder().decode(await flow.folder.read(task + ".jsonl")).trim().split(
        "\n",
      );
      for (
        const { what, first, last, isFlat } of flatness(
          lines.map((line) => JSON.parse(line) as Sample),
        )
      ) {
        console.log(
          `${runtime} | ${task} | ${what} | ${shown(what, first)} | ${shown(what, last)}`,
        );
        if (!isFlat) failed.push(`${what} of ${task} grew from ${first} to ${last}`);
      }
    }
    console.log(
      `${runtime} | ${flow.options.records} records | ${supervisor.kills} workers killed`,
    );
    console.log([...storm.counts].sort().map(([name, count]) => `${count} × ${name}`).join(", "));
    console.log(
      `${runtime} | longest idle after a fault: ${Math.round(idle.longestMs)} ms (${idle.where})`,
    );
    if (idle.longestMs > IDLE_MS) failed.push(`${idle.where} for ${Math.round(idle.longestMs)} ms`);
    return failed;
  } finally {
    await kflow.endAll();
    await Promise.all(Object.values(proxies).map((proxy) => proxy.stop()));
    await servers.stop();
    await flow.remove();
  }
}

function shown(what: keyof Sample, value: number): string {
  return what === "rss" ? `${Math.round(value / (1 << 20))} MiB` : String(value);
}
