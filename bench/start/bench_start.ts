// `npm run bench:start`: how long it takes from the start of `kflow worker` until its first record is stored, on a nats-server of its own with work waiting: on Deno, on
// Bun and as the compiled binary, in turn, beside a program that does nothing. Options: --rounds N (5).
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "nats";
import { startNats } from "../../tests/support/servers/nats_server.ts";
import { buildBinary } from "../../tools/build_binary.ts";
import { Commands } from "../../tools/process.ts";
import { Measurements } from "../measuring/measurements.ts";
import { environment, outputOf, ROOT, RUNTIMES } from "../measuring/run_script.ts";

const PIPELINE = "bench/start/pipeline.yaml";
const LIMIT_MS = 60_000;

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" } } });
const measurements = new Measurements("ms");
const folder = await mkdtemp(join(tmpdir(), "kflow-bench-"));
const server = await startNats();
try {
  const binary = join(folder, "kflow");
  await buildBinary(binary, new Commands());
  const programs = {
    deno: { kflow: [...RUNTIMES.deno, "mod.ts"], nothing: ["deno", "eval", ""] },
    bun: { kflow: [...RUNTIMES.bun, "mod.ts"], nothing: ["bun", "-e", ""] },
    binary: { kflow: [binary], nothing: [binary, "version"] },
  };
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, { kflow, nothing }] of Object.entries(programs)) {
      const what = name === "binary" ? "`kflow version`" : "empty program";
      measurements.add(name, what, await timeOf(nothing));
      const flow = `start-${name}-${round}`;
      measurements.add(name, "worker, first record stored", await firstRecord(kflow, flow));
    }
  }
  console.log(measurements.table());
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}

/** From the start of a program to its end. */
async function timeOf(command: readonly string[]): Promise<number> {
  const started = performance.now();
  await outputOf(command);
  return performance.now() - started;
}

/** From the start of the worker of `work` to the first record in the queue behind it. The queue before it is full. */
async function firstRecord(kflow: readonly string[], flow: string): Promise<number> {
  const env = { KFLOW_NATS_ADDR: server.tcpUrl, KFLOW_FLOW_ID: flow, KFLOW_STATE_DIR: folder };
  const worker = [...kflow, "worker", PIPELINE, "--task"];
  await outputOf([...worker, "make"], { env });
  const client = await connect({ servers: server.tcpUrl });
  try {
    // What is published reaches everyone who listens when it reaches the stream.
    const sent = client.subscribe(`kflow.${flow}.sink.>`, { max: 1 });
    await client.flush();
    const started = performance.now();
    const [command, ...args] = [...worker, "work"];
    const child = spawn(command!, args, {
      cwd: ROOT,
      env: environment(env),
      stdio: ["ignore", "ignore", "inherit"],
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
    });
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    void ended.then(() => sent.unsubscribe());
    let took: number | undefined;
    for await (const _ of sent) took ??= performance.now() - started;
    const manager = await client.jetstreamManager();
    const { state } = await manager.streams.info(`kflow-${flow}-sink`);
    child.kill("SIGKILL");
    await ended;
    if (took === undefined || state.messages === 0) throw new Error(`${flow} stored nothing`);
    return took;
  } finally {
    await client.close();
  }
}
