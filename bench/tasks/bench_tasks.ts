// `npm run bench:tasks`: one `run` of a chain of 1, 10 and 50 tasks, embedded and on a nats-server of its own, on Deno and on Bun, in turn. A task-record is one record in one
// task; there are as many of them in each chain. Options: --task-records N (500000 embedded, a tenth on the server), --rounds N (3).
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "nats";
import { startNats } from "../../tests/support/servers/nats_server.ts";
import { Measurements } from "../measuring/measurements.ts";
import { runReport } from "../measuring/run_report.ts";
import { ROOT, type Runtime, RUNTIME_NAMES } from "../measuring/run_script.ts";
import { chain } from "./chain.ts";

const CHAINS = [1, 10, 50];

const { values } = parseArgs({
  options: {
    "task-records": { type: "string", default: "500000" },
    rounds: { type: "string", default: "3" },
  },
});
const taskRecords = Number(values["task-records"]);
const measurements = new Measurements("task-records/s");
const folder = await mkdtemp(join(tmpdir(), "kflow-bench-"));
const server = await startNats();
try {
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const runtime of RUNTIME_NAMES) {
      for (const tasks of CHAINS) await measure(runtime, tasks, round);
    }
  }
  console.log(measurements.table());
  for (const tasks of CHAINS.slice(1)) {
    console.log(measurements.ratios(nameOf(tasks), nameOf(CHAINS[0]!)));
  }
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}

async function measure(runtime: Runtime, tasks: number, round: number): Promise<void> {
  const embedded = await rateOf(runtime, tasks, { records: taskRecords / tasks, env: {} });
  measurements.add(`${runtime}, embedded`, nameOf(tasks), embedded);
  const env = {
    KFLOW_NATS_ADDR: server.tcpUrl,
    KFLOW_FLOW_ID: `chain-${runtime}-${tasks}-${round}`,
  };
  const onServer = await rateOf(runtime, tasks, { records: taskRecords / tasks / 10, env });
  measurements.add(`${runtime}, nats-server`, nameOf(tasks), onServer);
  await removeStreams();
}

/** From the first record of the first task to the last of the last one. */
async function rateOf(
  runtime: Runtime,
  tasks: number,
  options: { records: number; env: Readonly<Record<string, string>> },
): Promise<number> {
  const records = Math.ceil(options.records);
  const file = join(folder, "pipeline.yaml");
  await writeFile(file, chain(tasks, { records, folder: join(ROOT, "bench", "start") }));
  const report = await runReport(runtime, [file], { env: options.env });
  for (let i = 1; i <= tasks; i++) {
    const { acked } = report.task(`task-${i}`).counts;
    if (acked !== records) throw new Error(`Task ${i} of ${tasks} has ${acked} of ${records}`);
  }
  const first = Date.parse(report.task("task-1").firstRecordAt);
  const last = Date.parse(report.task(`task-${tasks}`).lastRecordAt);
  return records * tasks / (last - first) * 1000;
}

async function removeStreams(): Promise<void> {
  const client = await connect({ servers: server.tcpUrl });
  const manager = await client.jetstreamManager();
  for await (const name of manager.streams.names()) await manager.streams.delete(name);
  await client.close();
}

function nameOf(tasks: number): string {
  return tasks === 1 ? "1 task" : `${tasks} tasks`;
}
