import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import { textTable } from "./text_table.ts";

export interface TableOptions {
  /** Columns that a line may have. */
  readonly columns: number;
  /** Lines that there may be, the head included. */
  readonly rows: number;
  /** Records per second by task. */
  rateOf(task: TaskProgress): number;
  /** Whether finished tasks, errors and bars have colours. */
  readonly colors: boolean;
  /** Whether nothing but a task's producers adds to its queue, so that what is left is all there is. By task. */
  isTotalKnown(task: TaskProgress): boolean;
}

interface Row {
  readonly cells: string[];
  /** Of what is known to come, how much is done; undefined where that is not known. */
  readonly share?: number;
  readonly isBad: boolean;
  readonly isOver: boolean;
}

/** Columns that go first where there is no room, and what is left then. */
const LAYOUTS: readonly (readonly number[])[] = [
  [0, 1, 2, 3, 4, 5],
  [0, 1, 2, 3, 5],
  [0, 2, 3, 5],
  [0, 2, 5],
  [0, 2],
];
const HEAD = ["task", "in", "out", "errors", "rate", "waiting"];
const LEAST_NAME = 8;
const LEAST_BAR = 6;
const MOST_BAR = 30;

const RED = "\x1b[31m";
const GREEN = "\x1b[32m";
const DIM = "\x1b[2m";
const PLAIN = "\x1b[0m";

/** The tasks of a run as a table that fits: columns, then the ends of names and whole tasks are left out where there is no room for them. */
export function progressTable(tasks: readonly TaskProgress[], options: TableOptions): string[] {
  const { columns, colors } = options;
  const { shown, left } = fitting(tasks, options.rows);
  const rows = shown.map((task) => rowOf(task, options));
  const all = [HEAD, ...rows.map(({ cells }) => cells)];
  const lines = LAYOUTS.map((layout) => textTable(shorten(all, layout, columns)))
    .find(([head]) => head!.length <= columns) ?? [];
  const width = lines[0]?.length ?? 0;
  const barWidth = Math.min(columns - width - 2 - " 100%".length, MOST_BAR);
  return [
    ...lines.map((line, i) => {
      const row = rows[i - 1];
      if (row === undefined) return colored(line, DIM, colors);
      const text = colored(line, row.isBad ? RED : row.isOver ? DIM : "", colors);
      if (row.share === undefined || barWidth < LEAST_BAR) return text;
      return `${text}  ${colored(bar(row.share, barWidth), GREEN, colors)}`;
    }),
    ...(left > 0 ? [`and ${left} more`.slice(0, columns)] : []),
  ];
}

/** The tasks that there is room for, in their order: those that are over go first. */
function fitting(tasks: readonly TaskProgress[], rows: number) {
  if (tasks.length + 1 <= rows) return { shown: tasks, left: 0 };
  const most = Math.max(rows - 2, 1);
  const chosen = new Set([
    ...tasks.filter(({ isOver }) => !isOver),
    ...tasks.filter(({ isOver }) => isOver),
  ].slice(0, most));
  return { shown: tasks.filter((task) => chosen.has(task)), left: tasks.length - most };
}

function rowOf(task: TaskProgress, options: TableOptions): Row {
  const { counts, queue, waiting, isOver } = task;
  const total = waiting === undefined ? 0 : waiting + (queue.acked ?? 0);
  const isKnown = options.isTotalKnown(task) && total > 0;
  return {
    cells: [
      task.task,
      String(counts.in),
      String(counts.out),
      String(counts.errors),
      isOver ? "" : `${rateText(options.rateOf(task))}/s`,
      waiting === undefined ? "" : String(waiting),
    ],
    share: isKnown ? isOver ? 1 : Math.min(counts.acked / total, 1) : undefined,
    isBad: counts.errors > 0,
    isOver,
  };
}

function rateText(rate: number): string {
  return rate >= 10 || rate === 0 ? rate.toFixed(0) : rate.toFixed(1);
}

/** Some columns of a table, with names cut so that lines fit if that is enough. */
function shorten(
  rows: readonly (readonly string[])[],
  layout: readonly number[],
  columns: number,
): string[][] {
  const chosen = rows.map((row) => layout.map((i) => row[i]!));
  const others = textTable(chosen.map(([, ...rest]) => rest))[0]!.length + 2;
  const most = Math.max(columns - others, LEAST_NAME);
  return chosen.map(([name, ...rest]) => [cut(name!, most), ...rest]);
}

function cut(name: string, most: number): string {
  return name.length <= most ? name : name.slice(0, most - 1) + "…";
}

function bar(share: number, width: number): string {
  const full = Math.floor(share * width);
  const percent = `${Math.floor(share * 100)}%`.padStart(5);
  return "█".repeat(full) + "░".repeat(width - full) + percent;
}

function colored(text: string, color: string, colors: boolean): string {
  return colors && color !== "" ? color + text + PLAIN : text;
}
