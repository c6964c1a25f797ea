// Contender: our worker, with everything a worker has on. Arguments: server, group, records.
import process from "node:process";
import { openNodeFiles } from "../adapters/shared/node_files.ts";
import { dialTcp } from "../adapters/shared/nats_tcp.ts";
import { connectNats } from "../src/broker/nats.ts";
import { FlowNames } from "../src/broker/subjects.ts";
import { AvroCodec } from "../src/codec/avro.ts";
import { createLogger } from "../src/log.ts";
import { loadPlan } from "../src/pipeline/load_plan.ts";
import { BatchEnd } from "../src/runtime/batch_end.ts";
import { toProcessFunction } from "../src/runtime/function.ts";
import type { TaskProgress } from "../src/runtime/progress.ts";
import { runTasks } from "../src/runtime/runner.ts";
import { MemoryStore } from "../src/store/memory.ts";
import { taskStoreOf } from "../tests/support/task_store.ts";
import { FLOW, IN_FLIGHT, type Result, type S3List, SCHEMA, work } from "./setting.ts";

const [server, group, count] = process.argv.slice(2) as [string, string, string];
const { plan, errors } = await loadPlan({
  file: "bench.yaml",
  folder: "/",
  env: () => undefined,
  readText: () => Promise.reject(new Error("ENOENT")),
  resolvePath: (path) => path,
  text: `
name: ${FLOW}
mode: batch
globalConfig:
  store: {addr: "memory:"}
  nats: {addr: "${server}"}
dag:
  - {id: gen, type: fs-source, format: list, topics: "s3a://docs", out: [work]}
  - id: work
    type: raw
    module: work.ts
    groupId: ${group}
    meta: {max.in.flight: ${IN_FLIGHT}}
    schema: ${JSON.stringify(SCHEMA)}
    out: [sink]
  - {id: sink, type: print}
`,
});
if (plan === undefined) throw new Error(JSON.stringify(errors));
const { address } = plan.nats;
if (address.kind === "embedded") throw new Error("The bench needs a server");
const log = createLogger({ level: "WARNING", write: (line) => console.error(line) });
const broker = await connectNats({ url: address.url, kind: address.kind, dial: dialTcp, log });
// The stream was filled before: its producer is finished.
const run = group;
const end = new BatchEnd({ state: broker.state, names: new FlowNames(FLOW), run, log });
await end.finish("gen");

let started = 0;
const samples: number[] = [];
let progress: TaskProgress | undefined;
const ended = Promise.withResolvers<number>();
const watching = setInterval(() => {
  samples.push(process.memoryUsage().rss);
}, 250);
const looking = setInterval(() => {
  if ((progress?.counts.acked ?? 0) >= Number(count)) ended.resolve(performance.now());
}, 1);
const never = new AbortController().signal;
await runTasks({
  plan,
  tasks: plan.tasks.filter((task) => task.id === "work"),
  run,
  workers: 1,
  broker,
  codec: new AvroCodec(),
  log,
  settingsOf: () => ({ longRunning: false, skipDownloadError: false, createSideStream: false }),
  podName: "bench",
  queueBytes: 1 << 30,
  storeOf: () => taskStoreOf(new MemoryStore()),
  downloadFiles: () => openNodeFiles("/tmp/kflow-bench", { below: "/tmp" }),
  functionOf: () =>
    Promise.resolve({
      kind: "process",
      process: toProcessFunction((record: S3List) => {
        if (started === 0) started = performance.now();
        return work(record);
      }),
    }),
  stop: never,
  kill: never,
  started: (all) => progress = all[0],
});
const result: Result = {
  records: progress!.counts.acked,
  milliseconds: await ended.promise - started,
  rss: {
    first: Math.max(...samples.slice(0, Math.ceil(samples.length / 3))),
    last: Math.max(...samples.slice(-Math.ceil(samples.length / 3))),
  },
};
clearInterval(watching);
clearInterval(looking);
console.log(JSON.stringify(result));
await broker.close();
process.exit(0);
