// `npm run bench:s3`: starts a MinIO of its own, puts objects into it once, and lets kflow's store and the AWS SDK list them and put small ones in turn, on
// Deno and on Bun; and a whole `run` that ends in an s3-sink. Options: --listed N (100000), --sunk N (10000), --concurrency N (16), --rounds N (5).
import { parseArgs } from "node:util";
import { startMinio } from "../../tests/support/servers/minio_server.ts";
import { makeBucket } from "../../tests/support/servers/s3_requests.ts";
import { Measurements } from "../measuring/measurements.ts";
import { runScript, type Runtime, RUNTIME_NAMES } from "../measuring/run_script.ts";
import { fillBucket } from "./fill_bucket.ts";
import { runToSink } from "./run_to_sink.ts";
import { LISTED, type Result, SUNK } from "./setting.ts";

const { values } = parseArgs({
  options: {
    listed: { type: "string", default: "100000" },
    sunk: { type: "string", default: "10000" },
    concurrency: { type: "string", default: "16" },
    rounds: { type: "string", default: "5" },
  },
});
const { concurrency } = values;
const counts = { list: Number(values.listed), sink: Number(values.sunk) };
type Work = keyof typeof counts;
const contenders = { "kflow's store": "kflow_store.ts", "AWS SDK": "aws_sdk.ts" };

const measurements = new Measurements("objects/s");
const minio = await startMinio();
const env = {
  KFLOW_STORE_ADDR: minio.endpoint,
  KFLOW_STORE_USER: minio.user,
  KFLOW_STORE_PASSWORD: minio.password,
};
try {
  for (const bucket of [LISTED, SUNK]) await makeBucket(minio, bucket);
  await fillBucket(minio, counts.list);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const runtime of RUNTIME_NAMES) {
      for (const what of ["list", "sink"] as const) await compete(runtime, what, round);
      const prefix = `${runtime}-run-${round}`;
      const run = await runToSink(runtime, { count: counts.sink, concurrency, prefix, env });
      add(runtime, "sink", "kflow run", run);
    }
  }
  console.log(measurements.table());
  for (const contender of ["kflow's store", "kflow run"]) {
    console.log(measurements.ratios(contender, "AWS SDK"));
  }
} finally {
  await minio.stop();
}

async function compete(runtime: Runtime, what: Work, round: number): Promise<void> {
  const order = Object.entries(contenders);
  // Who goes first changes: the second finds the server with other caches.
  for (const [name, script] of round % 2 === 0 ? order : order.toReversed()) {
    const prefix = `${runtime}-${script}-${round}`;
    const args = [`bench/s3/${script}`, what, String(counts[what]), concurrency, prefix];
    add(runtime, what, name, await runScript<Result>(runtime, args, { env }));
  }
}

function add(runtime: Runtime, what: Work, name: string, result: Result): void {
  measurements.add(`${runtime}, ${what}`, name, result.objects / result.milliseconds * 1000);
}
