// `npm run bench:large`: on a MinIO of its own, one object is downloaded to a file, and the file uploaded, by a `run` of bench/large/pipeline.yaml on Deno and on Bun:
// the memory of that process, and how fast it is. Ends with status 1 if it needs more than 200 MiB. Options: --size MIB (2048), --rounds N (1).
import { mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { Secret } from "../../src/base/secret.ts";
import { S3Store } from "../../src/store/s3/s3_store.ts";
import { startMinio } from "../../tests/support/servers/minio_server.ts";
import { makeBucket } from "../../tests/support/servers/s3_requests.ts";
import { Measurements } from "../measuring/measurements.ts";
import { type Runtime, RUNTIME_NAMES } from "../measuring/run_script.ts";
import { runReport } from "../measuring/run_report.ts";
import { PeakMemory } from "../measuring/peak_memory.ts";
import { randomContent } from "./random_content.ts";

const MIB = 1024 * 1024;
const MOST_MIB = 200;
const KEY = "archive/recording.bin";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "2048" },
    rounds: { type: "string", default: "1" },
  },
});
const mebibytes = Number(values.size);
const size = mebibytes * MIB;
await checkDisk();

const folder = await mkdtemp(join(tmpdir(), "kflow-bench-"));
const minio = await startMinio();
const { endpoint, user, password } = minio;
const store = new S3Store({ endpoint, user, password: new Secret(password) });
const memory = new Measurements("MiB resident at most");
const rate = new Measurements("MiB/s");
let most = 0;
try {
  for (const bucket of ["large-in", "large-out"]) await makeBucket(minio, bucket);
  const { etag } = await store.put("large-in", KEY, randomContent(size), { size });
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const runtime of RUNTIME_NAMES) await copy(runtime, etag);
  }
  console.log(memory.table() + "\n");
  console.log(rate.table());
} finally {
  await store.close();
  await minio.stop();
  await rm(folder, { recursive: true, force: true });
}
if (most > MOST_MIB) {
  console.error(`${Math.ceil(most)} MiB are more than ${MOST_MIB}`);
  process.exitCode = 1;
}

async function copy(runtime: Runtime, etag: string): Promise<void> {
  let peak: PeakMemory | undefined;
  const args = ["bench/large/pipeline.yaml", "--set", `dag.copy.meta.download.directory=${folder}`];
  const report = await runReport(runtime, args, {
    env: { KFLOW_STORE_ADDR: endpoint, KFLOW_STORE_USER: user, KFLOW_STORE_PASSWORD: password },
    limitMs: 1_800_000,
    started: ({ pid }) => peak = pid === undefined ? undefined : new PeakMemory(pid),
  });
  const bytes = peak?.stop() ?? 0;
  most = Math.max(most, bytes / MIB);
  memory.add(runtime, "kflow run", bytes / MIB);
  const { counts, times } = report.task("copy");
  if (counts.acked !== 1) throw new Error(`The object was not copied on ${runtime}`);
  const { sum: down } = times.downloading;
  rate.add(runtime, "download", mebibytes / down * 1000);
  rate.add(runtime, "upload", mebibytes / times.processing.sum * 1000);
  // The parts are cut alike, so that the same content has the same ETag.
  const copied = await store.get("large-out", KEY);
  await copied.body.cancel();
  if (copied.etag !== etag) throw new Error(`The copy made on ${runtime} has another content`);
  await store.delete("large-out", KEY);
}

/** The object, its download and its copy are there at once. */
async function checkDisk(): Promise<void> {
  const { bavail, bsize } = await statfs(tmpdir());
  const [free, needed] = [bavail * bsize / MIB, mebibytes * 3.2 + 512];
  if (free >= needed) return;
  throw new Error(
    `Cannot run in ${tmpdir()}: ${Math.round(free)} MiB are free, ${
      Math.round(needed)
    } are needed; give a smaller --size`,
  );
}
