import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { outputOf, type Runtime, RUNTIMES } from "../measuring/run_script.ts";
import { type Result, SUNK } from "./setting.ts";

interface Report {
  readonly tasks: readonly {
    readonly task: string;
    readonly counts: { readonly acked: number };
    readonly firstRecordAt: string;
    readonly lastRecordAt: string;
  }[];
}

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
  const folder = await mkdtemp(join(tmpdir(), "kflow-bench-"));
  try {
    const report = join(folder, "report.json");
    const settings = {
      "make.meta.limit": count,
      "store.meta.concurrency": concurrency,
      "store.topics": `s3a://${SUNK}/${prefix}`,
    };
    await outputOf([
      ...RUNTIMES[runtime],
      "mod.ts",
      "run",
      "bench/s3/pipeline.yaml",
      "--report",
      report,
      ...Object.entries(settings).flatMap(([name, value]) => ["--set", `dag.${name}=${value}`]),
    ], { env: { ...env, KFLOW_STATE_DIR: folder } });
    const { tasks } = JSON.parse(await readFile(report, "utf8")) as Report;
    const sink = tasks.find(({ task }) => task === "store");
    if (sink?.counts.acked !== count) throw new Error(`${sink?.counts.acked} of ${count} are sunk`);
    return {
      objects: count,
      milliseconds: Date.parse(sink.lastRecordAt) - Date.parse(sink.firstRecordAt),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
