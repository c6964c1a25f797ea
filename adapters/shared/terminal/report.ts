import type { Plan } from "../../../src/pipeline/plan/plan.ts";
import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import { printableLine } from "../../../src/base/text/printable.ts";
import { shortened } from "../../../src/base/text/shortened.ts";
import type { RunReport } from "../../../src/runtime/run/runner.ts";
import { deadLettersByTask } from "./dead_letter_counts.ts";
import { textTable } from "./text_table.ts";

/** Characters of one error. The dead letter and the file of `--report` have the whole of it. */
const MAX_ERROR = 1_000;
const COLUMNS = ["task", "in", "out", "errors", "redelivered", "dead", "time"] as const;

/**
 * Formats the report by task that `run` ends with, and the dead letters by name.
 * @param options.run The id of the run, if it was given: the next run with it goes on where this one ends.
 */
export function formatReport(
  plan: Plan,
  report: RunReport,
  { run }: { run: string | undefined },
): string {
  const rows = [COLUMNS.map(String), ...report.tasks.map(cellsOf)];
  const lines = textTable(rows);
  const letters = report.tasks.flatMap((task) => task.deadLetters);
  const dead = deadLettersByTask(report);
  const state = report.finished
    ? "finished"
    : plan.mode === "batch"
    ? `stopped before the end; ${nextRun(plan, run)}`
    : "stopped";
  return [
    "",
    ...lines,
    "",
    ...letters.map((letter) =>
      `dead: ${letter.task} ${letter.record ?? `${letter.edge} #${letter.sequence}`} ` +
      `after ${letter.attempts} attempts: ${shortened(letter.error, MAX_ERROR)}`
    ),
    ...[...dead].flatMap(([task, count]) => {
      const unnamed = count - letters.filter((letter) => letter.task === task).length;
      return unnamed > 0 ? [`dead: ${task} ${unnamed} more`] : [];
    }),
    ...report.tasks.flatMap((task) => task.failures.map((each) => shortened(each, MAX_ERROR))),
    ...(dead.size > 0 ? [`Dead letters are kept in ${report.deadLetterPlace}`] : []),
    `${plan.flowId}: ${state} in ${seconds(report.milliseconds)}`,
    "",
  ].map(printableLine).join("\n");
}

/** Says what of an unfinished batch is done again. A source keeps its place in a checkpoint, or on a server for its run. */
function nextRun(plan: Plan, run: string | undefined): string {
  const isEmbedded = plan.nats.address.kind === "embedded";
  const startsOver = plan.tasks.filter((task) =>
    task.kind === "source" && task.type !== "nats-source" &&
    task.meta.get("checkpoint") !== true && (isEmbedded || run === undefined)
  );
  if (startsOver.length === 0) return "the next run does what is left";
  const sources = startsOver.map(({ id }) => `"${id}"`).join(", ");
  return `in the next run ${sources} starts over${
    isEmbedded ? "" : ", unless it has the same --run"
  }`;
}

function cellsOf(task: TaskProgress): string[] {
  const { counts, startedAt, endedAt } = task;
  const milliseconds = startedAt === undefined || endedAt === undefined ? 0 : endedAt - startedAt;
  return [
    task.task,
    String(counts.in),
    String(counts.out),
    String(counts.errors),
    String(counts.redelivered),
    String(counts.dead),
    seconds(milliseconds),
  ];
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 1)} s`;
}
