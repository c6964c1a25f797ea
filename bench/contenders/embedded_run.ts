// The embedded run: source, function and a sink that drops everything, in one process. Prints records/s of the run and of the codec alone, which
// encodes and decodes each record once where the run does it twice. Argument: records.
import process from "node:process";
import { createMemoryBroker } from "../../src/broker/memory/memory_broker.ts";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { createLogger } from "../../src/base/log.ts";
import { toProcessFunction } from "../../src/api/function.ts";
import type { SourceContext } from "../../src/api/source_function.ts";
import { runTasks } from "../../src/runtime/run/runner.ts";
import { MemoryFiles } from "../../src/files/memory.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { planOf } from "../../tests/support/in_process/flow.ts";
import { taskStoreOf } from "../../tests/support/in_process/task_store.ts";
import { recordOf, type S3List, SCHEMA, work } from "../setting.ts";

const records = Number(process.argv[2] ?? 300_000);
const plan = await planOf(`
mode: batch
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: gen, type: fs-source, format: list, topics: "s3a://docs", out: [work]}
  - {id: work, type: raw, module: work.ts, schema: ${JSON.stringify(SCHEMA)}, out: [sink]}
  - {id: sink, type: print}
`);

async function emitAll(ctx: SourceContext): Promise<void> {
  for (let i = 0; i < records; i++) await ctx.emit({ ...recordOf(i) }, { id: `r${i}` });
}

const never = new AbortController().signal;
const started = performance.now();
const { tasks } = await runTasks({
  plan,
  tasks: plan.tasks,
  run: "bench",
  broker: createMemoryBroker(),
  codec: new AvroCodec(),
  log: createLogger({ level: "WARNING", write: (line) => console.error(line) }),
  settingsOf: () => ({ longRunning: false, skipDownloadError: false, createSideStream: false }),
  podName: "bench",
  queueBytes: 16 << 20,
  deadLetterBytes: 16 << 20,
  storeOf: () => taskStoreOf(new MemoryStore()),
  downloadFiles: () => Promise.resolve(new MemoryFiles()),
  functionOf: (task) =>
    Promise.resolve(
      task.id === "gen" ? { kind: "source", source: { run: emitAll } } : {
        kind: "process",
        process: toProcessFunction(
          task.id === "work" ? (r: S3List) => work(r) : () => {},
        ),
      },
    ),
  stop: never,
  kill: never,
});
const runMs = performance.now() - started;
const worked = tasks.find(({ task }) => task === "sink")!.counts.in;
if (worked !== records) throw new Error(`${worked} of ${records} records arrived`);

const schema = new AvroCodec().parse(SCHEMA);
const begun = performance.now();
let bytes = 0;
for (let i = 0; i < records; i++) {
  const body = schema.encode(recordOf(i));
  bytes += body.length;
  schema.decode(body);
}
const codecMs = performance.now() - begun;
if (bytes === 0) throw new Error("Nothing was encoded");
console.log(JSON.stringify({
  run: Math.round(records / runMs * 1000),
  codec: Math.round(records / codecMs * 1000),
}));
process.exit(0);
