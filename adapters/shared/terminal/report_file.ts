import { lstatSync } from "node:fs";
import { FilesError } from "../../../src/files/files.ts";
import { reasonOf, StartError } from "../../../src/base/errors.ts";
import type { Host } from "../../../src/host.ts";
import type { TimeSpread } from "../../../src/metrics/time_spread.ts";
import type { Plan } from "../../../src/pipeline/plan/plan.ts";
import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import type { RunReport } from "../../../src/runtime/run/runner.ts";
import { deadLettersByTask } from "./dead_letter_counts.ts";
import { VERSION } from "../../../src/base/version.ts";

/** What `--report` names: a file that is written when the run has ended. */
export interface ReportFile {
  write(plan: Plan, run: string, report: RunReport): Promise<void>;
}

/** Sees to it, before anything runs, that there is a folder for the report. @throws {StartError} if it cannot be used. */
export async function openReportFile(host: Host, file: string): Promise<ReportFile> {
  const path = host.resolvePath(file);
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  const failed = (error: unknown) => {
    if (!(error instanceof FilesError || error instanceof RangeError)) return error;
    return new StartError(
      `Cannot write the report "${file}": ${reasonOf(error)}; give another file with --report`,
      { cause: error },
    );
  };
  // Replacing a device, a pipe or a link is not what somebody means who writes a report there.
  if (isFile(path) === false) throw failed(new RangeError("it is not a regular file"));
  const files = await host.files(path.slice(0, slash) || "/").catch((error) => {
    throw failed(error);
  });
  return {
    async write(plan, run, report) {
      const text = JSON.stringify(jsonReport(plan, run, report), null, 2) + "\n";
      try {
        await files.write(name, new TextEncoder().encode(text));
      } catch (error) {
        throw failed(error);
      }
    },
  };
}

/** Undefined if there is nothing, or nothing that may be looked at. */
function isFile(path: string): boolean | undefined {
  try {
    return lstatSync(path).isFile();
  } catch {
    return undefined;
  }
}

/** The report by task for programs. Times in milliseconds, points in time as ISO 8601. */
export function jsonReport(plan: Plan, run: string, report: RunReport) {
  return {
    flow: plan.flowId,
    mode: plan.mode,
    run: plan.mode === "batch" ? run : undefined,
    version: VERSION,
    finished: report.finished,
    startedAt: pointOf(performance.now() - report.milliseconds),
    milliseconds: Math.round(report.milliseconds),
    deadLetterPlace: report.deadLetterPlace,
    deadInRun: Object.fromEntries(deadLettersByTask(report)),
    tasks: report.tasks.map((task) => ({
      task: task.task,
      type: plan.tasks.find(({ id }) => id === task.task)?.type,
      finishedBefore: report.finishedBefore.includes(task.task),
      counts: task.counts,
      bytes: task.bytes,
      times: {
        processing: timesOf(task.times.processing),
        downloading: timesOf(task.times.downloading),
        total: timesOf(task.times.total),
      },
      firstRecordAt: pointOf(task.startedAt),
      lastRecordAt: pointOf(task.endedAt),
      errorsByClass: Object.fromEntries(task.errorClasses.entries()),
      deadLetters: lettersOf(task),
      failures: task.failures,
    })),
  };
}

function lettersOf({ deadLetters, counts }: TaskProgress) {
  return {
    named: deadLetters.map(({ task: _task, ...letter }) => letter),
    unnamed: counts.dead - deadLetters.length,
  };
}

function timesOf(times: TimeSpread) {
  return {
    count: times.count,
    sum: round(times.sum),
    p50: round(times.quantile(0.5)),
    p95: round(times.quantile(0.95)),
    p99: round(times.quantile(0.99)),
  };
}

function round(milliseconds: number | undefined): number | null {
  return milliseconds === undefined ? null : Math.round(milliseconds * 1000) / 1000;
}

function pointOf(milliseconds: number | undefined): string | null {
  if (milliseconds === undefined) return null;
  return new Date(performance.timeOrigin + milliseconds).toISOString();
}
