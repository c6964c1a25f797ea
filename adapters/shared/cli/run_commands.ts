import { createApp } from "../../../src/app/app.ts";
import { startExporter } from "../../../src/app/observers.ts";
import type { App } from "../../../src/app/app_options.ts";
import { ConfigurationError } from "../../../src/base/errors.ts";
import type { Host } from "../../../src/host.ts";
import type { Exporter } from "../../../src/exporter/exporter.ts";
import type { Logger } from "../../../src/base/log.ts";
import { missingModules } from "../../../src/pipeline/checking/graph/modules.ts";
import type { Plan, TaskPlan } from "../../../src/pipeline/plan/plan.ts";
import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import type { RunReport } from "../../../src/runtime/run/runner.ts";
import type { TaskCode } from "../../../src/api/task_code.ts";
import type { RunOptions, WorkerOptions } from "./command_options.ts";
import { exitStatusOf } from "./exit_status.ts";
import { deadLettersByTask } from "../terminal/dead_letter_counts.ts";
import { failpointsOf } from "./failpoints.ts";
import { loadPipeline } from "./load_pipeline.ts";
import { mustBePermitted } from "./must_be_permitted.ts";
import { loggerOf } from "./logger_of.ts";
import { dialTcp } from "../node/nats_tcp.ts";
import { formatReport } from "../terminal/report.ts";
import { openReportFile } from "../terminal/report_file.ts";
import { type Shutdown, watchSignals } from "./shutdown.ts";
import { untilStarted } from "./until_started.ts";
import { watchRun } from "../terminal/watch_run.ts";

/** For so long `run` waits for a NATS server that takes connections and does not answer. Somebody who sees that the address is wrong need not. */
const HANGS_MS = 30_000;

/** `run`: all tasks of the pipeline in this process. */
export async function runCommand(given: Host, file: string, options: RunOptions): Promise<number> {
  const { plan, settings } = await loadPipeline(given, file, options);
  mustBeRunnable(plan, plan.tasks);
  const stateFolder = settings.stateFolder ?? `${plan.folder}/.kflow`;
  mustBePermitted(given, plan, { tasks: plan.tasks, settings, stateFolder });
  const watch = watchRun(given, plan);
  const { host, lookEveryMs } = watch;
  const log = loggerOf(host, settings);
  const shutdown = watchSignals(host, log, settings.shutdownGraceMs);
  let exporter: Exporter | undefined;
  try {
    const reportFile = options.report && await openReportFile(host, options.report);
    exporter = await startExporter({ plan, tasks: plan.tasks, host, log, stop: shutdown.stop });
    const failpoints = await failpointsOf(plan, settings);
    const runId = options.run ?? settings.runId;
    const run = runId ?? crypto.randomUUID();
    const { stop } = shutdown;
    const report = await untilStarted({ log, stop, hangsMs: HANGS_MS }, async (watchWork) => {
      const app = await createApp({ plan, host, log, dialTcp, stateFolder, failpoints });
      try {
        const report = await app.run({
          tasks: plan.tasks,
          run,
          forgetRun: runId === undefined,
          exporter,
          lookEveryMs,
          started(tasks) {
            watchWork(() => hasWorked(tasks));
            watch.begin(tasks, log);
          },
          stop,
          kill: shutdown.kill,
        });
        watch.end();
        host.stdout.write(formatReport(plan, report, { run: runId }));
        if (reportFile) await reportFile.write(plan, run, report);
        return report;
      } finally {
        watch.end();
        await app.close();
      }
    });
    return exitStatusOf(report, { batch: plan.mode === "batch", shutdown });
  } finally {
    watch.end();
    await exporter?.close();
    shutdown.release();
  }
}

/**
 * `worker`: one worker of one task. Keeps trying while only the server is away.
 * @param code The function of the task, where a program of the user's brings it along; by default that of its module.
 */
export async function workerCommand(
  host: Host,
  file: string,
  options: WorkerOptions & { code?: TaskCode },
): Promise<number> {
  const { plan, settings } = await loadPipeline(host, file, options);
  const task = plan.tasks.find((each) => each.id === options.task);
  if (task === undefined) {
    throw new ConfigurationError([{
      file: "--task",
      problem: `the pipeline has no task "${options.task}"`,
      hint: `it has ${plan.tasks.map((each) => `"${each.id}"`).join(", ")}`,
    }]);
  }
  if (plan.nats.address.kind === "embedded") {
    throw new ConfigurationError([{
      file: plan.file,
      path: "globalConfig.nats.addr",
      problem: "a worker needs a NATS server that the other workers use too",
      hint: "set it, or KFLOW_NATS_ADDR; run the whole pipeline in one process with `run`",
    }]);
  }
  const { code: given } = options;
  const code = given && new Map([[task.id, () => given]]);
  mustBeRunnable(plan, [task], code);
  mustBePermitted(host, plan, { tasks: [task], settings });
  const log = loggerOf(host, settings).with({ flow: plan.flowId });
  const shutdown = watchSignals(host, log, settings.shutdownGraceMs);
  const run = options.run ?? settings.runId ?? "default";
  let exporter: Exporter | undefined;
  try {
    const reportFile = options.report && await openReportFile(host, options.report);
    // Before the servers are asked for: whoever watches the worker sees that it is alive and not ready.
    exporter = await startExporter({ plan, tasks: [task], host, log, stop: shutdown.stop });
    const { stateFolder } = settings;
    const failpoints = await failpointsOf(plan, settings);
    const report = await untilStarted({ log, stop: shutdown.stop }, async (watchWork) => {
      const app = await createApp({ plan, host, log, dialTcp, stateFolder, code, failpoints });
      try {
        return await workOn(app, { task, run, shutdown, exporter, log, watchWork });
      } finally {
        await app.close();
      }
    });
    if (report && reportFile) await reportFile.write(plan, run, report);
    return exitStatusOf(report, { batch: plan.mode === "batch", shutdown });
  } finally {
    await exporter?.close();
    shutdown.release();
  }
}

async function workOn(
  app: App,
  options: {
    task: TaskPlan;
    run: string;
    shutdown: Shutdown;
    exporter: Exporter | undefined;
    log: Logger;
    watchWork: (hasBegun: () => boolean) => void;
  },
): Promise<RunReport> {
  const { task, run, shutdown, exporter, log, watchWork } = options;
  log.info("Worker starts", { task: task.id, run });
  const report = await app.run({
    tasks: [task],
    run,
    workers: 1,
    exporter,
    started: (tasks) => watchWork(() => hasWorked(tasks)),
    stop: shutdown.stop,
    kill: shutdown.kill,
  });
  const counts = report.tasks[0]!.counts;
  if (report.finishedBefore.includes(task.id)) {
    log.info(`Run "${run}" is finished for task "${task.id}": nothing to do`);
  } else {
    log.info(report.finished ? "Worker is finished" : "Worker has stopped", {
      task: task.id,
      run,
      in: counts.in,
      out: counts.out,
      errors: counts.errors,
      redelivered: counts.redelivered,
      dead: counts.dead,
    });
  }
  const dead = deadLettersByTask(report);
  if (dead.size > 0) {
    log.error(`The run has dead letters, kept in ${report.deadLetterPlace}`, {
      run,
      ...Object.fromEntries(dead),
    });
  }
  return report;
}

/** What `validate` allows and a run needs: code for the tasks whose code is the user's. */
function mustBeRunnable(
  plan: Plan,
  tasks: readonly TaskPlan[],
  code?: ReadonlyMap<string, () => TaskCode>,
): void {
  const ids = tasks.map((task) => task.id).filter((id) => !code?.has(id));
  const findings = missingModules(plan, ids);
  if (findings.length > 0) throw new ConfigurationError(findings);
}

function hasWorked(tasks: readonly TaskProgress[]): boolean {
  return tasks.some(({ counts }) => counts.in + counts.out > 0);
}
