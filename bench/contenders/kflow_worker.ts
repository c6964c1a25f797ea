// Contender: our worker, with everything a worker has on.
import process from "node:process";
import { openNodeFiles } from "../../adapters/shared/node/node_files.ts";
import { createNodeHost } from "../../adapters/shared/node_host.ts";
import { dialTcp } from "../../adapters/shared/node/nats_tcp.ts";
import { startExporter } from "../../src/app/observers.ts";
import { connectNats } from "../../src/broker/nats/nats_broker.ts";
import { FlowNames } from "../../src/broker/subjects.ts";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { createLogger } from "../../src/base/log.ts";
import { BatchEnd } from "../../src/runtime/run/finished_tasks.ts";
import { toProcessFunction } from "../../src/api/function.ts";
import type { TaskProgress } from "../../src/runtime/progress/task_progress.ts";
import { runTasks } from "../../src/runtime/run/runner.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { taskStoreOf } from "../../tests/support/in_process/task_store.ts";
import { FLOW, type Job, type Result, type S3List, STREAM_BYTES, work } from "../setting.ts";
import { adapterSocket } from "./adapter_socket.ts";
import { loadJob } from "./job_pipeline.ts";
import { nowMs, startingLine } from "./starting_line.ts";

const LOOK_EVERY_MS = 1;
const SAMPLE_EVERY_MS = 250;

const job = JSON.parse(process.argv[2]!) as Job;
const plan = await loadJob(job);
const { address } = plan.nats;
if (address.kind === "embedded") throw new Error("The bench needs a server");
const tasks = plan.tasks.filter((task) => task.id === "work");
const log = createLogger({ level: "WARNING", write: (line) => console.error(line) });
const broker = await connectNats({
  url: address.url,
  kind: address.kind,
  dial: dialTcp,
  openSocket: adapterSocket && ((url) => Promise.resolve(adapterSocket!(url))),
  log,
});
// The stream was filled before: its producer is finished.
const run = job.group;
const end = new BatchEnd({ state: broker.state, names: new FlowNames(FLOW), run, log });
await end.finish("gen");
const stop = new AbortController();
const host = createNodeHost({
  platform: "bench",
  loadModule: () => Promise.reject(new Error("No module is needed")),
  startThread() {
    throw new Error("No thread is needed");
  },
});
const exporter = await startExporter({ plan, tasks, host, log, stop: stop.signal });
await startingLine();

const { warmUp = 0 } = job;
let seen = 0;
let firstMs = 0;
let lastMs = 0;
let acked = 0;
let progress: TaskProgress | undefined;
const samples: number[] = [];
const sampling = setInterval(() => samples.push(process.memoryUsage().rss), SAMPLE_EVERY_MS);
const looking = setInterval(look, LOOK_EVERY_MS);

/** Marks when the last ack was sent, as exactly as it is looked. */
function look(): void {
  const seen = progress?.counts.acked ?? 0;
  if (seen === acked || stop.signal.aborted) return;
  acked = seen;
  lastMs = nowMs();
  if (job.take !== undefined && acked >= job.take) stop.abort();
}

await runTasks({
  plan,
  tasks,
  run,
  workers: 1,
  broker,
  codec: new AvroCodec(),
  log,
  metricsOf: (task) => exporter?.metricsOf(task),
  settingsOf: () => ({
    longRunning: job.longRunning === true,
    skipDownloadError: false,
    createSideStream: true,
  }),
  podName: "bench",
  queueBytes: STREAM_BYTES,
  deadLetterBytes: STREAM_BYTES,
  storeOf: () => taskStoreOf(new MemoryStore()),
  downloadFiles: () => openNodeFiles("/tmp/kflow-bench", { below: "/tmp" }),
  functionOf: () =>
    Promise.resolve({
      kind: "process",
      process: toProcessFunction((record: S3List) => {
        if (seen++ === warmUp) firstMs = nowMs();
        return work(record);
      }),
    }),
  stop: stop.signal,
  kill: new AbortController().signal,
  started(all) {
    progress = all[0];
    exporter?.started({ broker, stores: [] });
  },
});
look();
clearInterval(sampling);
clearInterval(looking);
const third = Math.ceil(samples.length / 3);
const result: Result = {
  records: acked,
  firstMs,
  lastMs,
  ...(third > 0 && {
    rss: { first: Math.max(...samples.slice(0, third)), last: Math.max(...samples.slice(-third)) },
  }),
};
console.log(JSON.stringify(result));
await exporter?.close();
await broker.close();
process.exit(0);
