import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { outputOf, type Runtime, RUNTIMES, type ScriptOptions } from "./run_script.ts";

/** What a bench reads of the report of a task; times in milliseconds. */
export interface TaskReport {
  readonly task: string;
  readonly counts: { readonly in: number; readonly out: number; readonly acked: number };
  readonly times: {
    readonly processing: { readonly sum: number };
    readonly downloading: { readonly sum: number };
  };
  readonly firstRecordAt: string;
  readonly lastRecordAt: string;
}

/** The report of a whole `kflow run`. */
export class RunReport {
  readonly #tasks: readonly TaskReport[];

  constructor(tasks: readonly TaskReport[]) {
    this.#tasks = tasks;
  }

  task(id: string): TaskReport {
    const found = this.#tasks.find(({ task }) => task === id);
    if (found === undefined) throw new Error(`The report has no task "${id}"`);
    return found;
  }
}

/** Runs a pipeline of the repository as users do, in a process of its own, with a state folder as new. */
export async function runReport(
  runtime: Runtime,
  args: readonly string[],
  { env, ...options }: ScriptOptions = {},
): Promise<RunReport> {
  const folder = await mkdtemp(join(tmpdir(), "kflow-bench-"));
  try {
    const file = join(folder, "report.json");
    const command = [...RUNTIMES[runtime], "mod.ts", "run", ...args, "--report", file];
    await outputOf(command, { ...options, env: { ...env, KFLOW_STATE_DIR: folder } });
    return new RunReport(JSON.parse(await readFile(file, "utf8")).tasks);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
