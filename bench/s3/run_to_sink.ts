import { runReport } from "../measuring/run_report.ts";
import type { Runtime } from "../measuring/run_script.ts";
import { type Result, SUNK } from "./setting.ts";

/** A whole `kflow run` of bench/s3/pipeline.yaml: from the first record that the sink takes to the last that it has stored. */
export async function runToSink(
  runtime: Runtime,
  options: {
    count: number;
    concurrency: string;
    prefix: string;
    env: Readonly<Record<string, string>>;
  },
): Promise<Result> {
  const { count, concurrency, prefix, env } = options;
  const settings = {
    "make.meta.limit": count,
    "store.meta.concurrency": concurrency,
    "store.topics": `s3a://${SUNK}/${prefix}`,
  };
  const args = Object.entries(settings).flatMap(([key, value]) => ["--set", `dag.${key}=${value}`]);
  const report = await runReport(runtime, ["bench/s3/pipeline.yaml", ...args], { env });
  const { counts, firstRecordAt, lastRecordAt } = report.task("store");
  if (counts.acked !== count) throw new Error(`${counts.acked} of ${count} records are sunk`);
  return { objects: count, milliseconds: Date.parse(lastRecordAt) - Date.parse(firstRecordAt) };
}
