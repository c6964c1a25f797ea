// `npm run bench`: starts a NATS server of its own, fills a stream, and lets the contenders work it off in turn, on Deno and on Bun; then the
// embedded run beside the codec alone. Options: --records N (200000), --rounds N (3), --tcp (TCP instead of websockets for our worker),
// --memory (our worker only, once on each, over a million records: its memory early and late).
import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { connect } from "nats.ws";
import { AvroCodec } from "../src/codec/avro.ts";
import { startNats } from "../tests/support/nats_server.ts";
import { type Contender, memory, ratios, type Row, table } from "./results.ts";
import {
  FLOW,
  INPUT_STREAM,
  INPUT_SUBJECT,
  OUTPUT_STREAM,
  recordOf,
  type Result,
  SCHEMA,
} from "./setting.ts";

const { values } = parseArgs({
  options: {
    records: { type: "string", default: "200000" },
    rounds: { type: "string", default: "3" },
    tcp: { type: "boolean", default: false },
    memory: { type: "boolean", default: false },
  },
});
const records = values.memory ? 1_000_000 : Number(values.records);
const rounds = values.memory ? 1 : Number(values.rounds);
const contenders: Contender[] = values.memory ? ["kflow"] : ["bare", "kflow", "js-publish"];

const RUNTIMES = {
  deno: ["deno", "run", "-A", "--no-check", "--quiet"],
  bun: ["bun"],
} as const;
type Runtime = keyof typeof RUNTIMES;

const server = await startNats();
try {
  await fill();
  const rows: Row[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const runtime of Object.keys(RUNTIMES) as Runtime[]) {
      for (const contender of contenders) {
        const result = await compete(runtime, contender, `${contender}-${runtime}-${round}`);
        rows.push({
          runtime,
          contender,
          rate: result.records / (result.milliseconds / 1000),
          rss: result.rss,
        });
        console.error(
          `round ${round} ${runtime} ${contender}: ${Math.round(rows.at(-1)!.rate)} records/s`,
        );
      }
    }
  }
  console.log(table(rows));
  if (values.memory) console.log(memory(rows));
  else {
    console.log(ratios(rows));
    await embedded();
  }
} finally {
  await server.stop();
}

/** The embedded run against the codec's own rate, in the same process. */
async function embedded(): Promise<void> {
  for (const [runtime, [command, ...before]] of Object.entries(RUNTIMES)) {
    const text = await output(command, [...before, "bench/embedded_run.ts", "300000"]);
    const { run, codec, ratio } = JSON.parse(text.trim().split("\n").at(-1)!);
    console.log(`${runtime}: embedded run ${run} records/s, codec alone ${codec}, ratio ${ratio}`);
  }
}

/** Publishes the input with many in flight and waits for the last confirmation. */
async function fill(): Promise<void> {
  const nc = await connect({ servers: server.wsUrl });
  const jsm = await nc.jetstreamManager();
  await addStream(jsm, INPUT_STREAM, `kflow.${FLOW}.work.>`);
  const js = nc.jetstream();
  const schema = new AvroCodec().parse(SCHEMA);
  const kv = await js.views.kv("kflow-state", { history: 1 }).catch(() => undefined);
  await kv?.destroy();
  const { headers } = await import("nats.ws");
  const fixed = headers();
  fixed.set("Kflow-Schema", schema.fingerprint);
  for (let i = 0; i < records; i++) {
    nc.publish(INPUT_SUBJECT, schema.encode(recordOf(i)), { headers: fixed });
    if (i % 2000 === 0) await nc.flush();
  }
  await nc.flush();
  // The server has received everything and may still be storing it.
  for (const deadline = performance.now() + 30_000;;) {
    const { state } = await jsm.streams.info(INPUT_STREAM);
    if (state.messages === records) break;
    if (performance.now() > deadline) {
      throw new Error(`${state.messages} of ${records} records are there`);
    }
  }
  await nc.close();
}

type Manager = Awaited<ReturnType<Awaited<ReturnType<typeof connect>>["jetstreamManager"]>>;

async function addStream(jsm: Manager, name: string, subjects: string): Promise<void> {
  await jsm.streams.add({
    name,
    subjects: [subjects],
    max_bytes: 1 << 30,
    discard: "new" as never,
    duplicate_window: 600_000_000_000,
  });
}

/** One contender on its own, with an output stream as new. */
async function compete(runtime: Runtime, contender: Contender, group: string): Promise<Result> {
  const nc = await connect({ servers: server.wsUrl });
  const jsm = await nc.jetstreamManager();
  await jsm.streams.delete(OUTPUT_STREAM).catch(() => {});
  await addStream(jsm, OUTPUT_STREAM, `kflow.${FLOW}.sink.>`);
  const script = contender === "kflow" ? "bench/kflow_worker.ts" : "bench/bare_loop.ts";
  const address = contender === "kflow" && values.tcp ? server.tcpUrl : server.wsUrl;
  const way = contender === "js-publish" ? "js-publish" : "wildcard";
  const [command, ...before] = RUNTIMES[runtime];
  const text = await output(command, [...before, script, address, group, String(records), way]);
  const { state } = await jsm.streams.info(OUTPUT_STREAM);
  if (state.messages !== records) {
    throw new Error(`${group} stored ${state.messages} of ${records} records`);
  }
  await jsm.consumers.delete(INPUT_STREAM, group);
  await nc.close();
  return JSON.parse(text.trim().split("\n").at(-1)!);
}

function output(command: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], timeout: 300_000 });
    let text = "";
    child.stdout.on("data", (part) => text += part);
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve(text);
      else reject(new Error(`${command} ${args.join(" ")} ended with ${status}`));
    });
  });
}
