import type { Host, TextOutput } from "../../../src/host.ts";
import type { Logger } from "../../../src/base/log.ts";
import type { Plan } from "../../../src/pipeline/plan/plan.ts";
import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import { captureConsole } from "./capture_console.ts";
import { LiveScreen } from "./live_screen.ts";
import { ProgressRates } from "./progress_rates.ts";
import { progressTable } from "./progress_table.ts";

const DRAW_EVERY_MS = 200;
const LINE_EVERY_MS = 5000;
/** A server is not asked as often as the table is drawn. */
const ASK_EVERY_MS = 1000;

/** Somebody who watches a run. */
export interface RunWatch {
  /** The host whose outputs do not spoil what is shown. */
  readonly host: Host;
  /** How often the queues are to be looked at, ms. */
  readonly lookEveryMs: number;
  /** The run begins: from now on its tasks are shown. */
  begin(tasks: readonly TaskProgress[], log: Logger): void;
  /** Nothing more is shown, unless the run begins anew. Safe to call twice. */
  end(): void;
}

/** On a terminal a table of the tasks, drawn again and again; else a log line every five seconds in which something happened. */
export function watchRun(host: Host, plan: Plan): RunWatch {
  const { stderr } = host;
  if (stderr.isTerminal && host.env("TERM") !== "dumb") return new LiveTable(host, plan);
  let timer: ReturnType<typeof setInterval> | undefined;
  return {
    host,
    lookEveryMs: LINE_EVERY_MS / 2,
    begin(tasks, log) {
      timer = lineByLine(tasks, log);
    },
    end: () => clearInterval(timer),
  };
}

class LiveTable implements RunWatch {
  readonly host: Host;
  readonly lookEveryMs: number;
  readonly #plan: Plan;
  readonly #screen: LiveScreen;
  readonly #terminal: TextOutput;
  #timer?: ReturnType<typeof setInterval>;
  #giveBack?: () => void;

  constructor(host: Host, plan: Plan) {
    this.#plan = plan;
    this.lookEveryMs = plan.nats.address.kind === "embedded" ? DRAW_EVERY_MS : ASK_EVERY_MS;
    this.#terminal = host.stderr;
    const screen = this.#screen = new LiveScreen(host.stderr);
    this.host = {
      ...host,
      stdout: screen.through(host.stdout),
      stderr: screen.through(host.stderr),
      exit(status) {
        screen.end();
        host.exit(status);
      },
    };
  }

  begin(tasks: readonly TaskProgress[]): void {
    const rates = new ProgressRates(tasks);
    const byId = new Map(tasks.map((task) => [task.task, task]));
    const producersOf = new Map(
      this.#plan.tasks.map(({ id, inputs }) => [id, inputs.map(({ producer }) => producer)]),
    );
    const colors = !this.host.env("NO_COLOR");
    this.#giveBack = captureConsole(this.host);
    this.#timer = setInterval(() => {
      rates.look();
      const { columns, rows = 24 } = this.#terminal;
      this.#screen.draw(progressTable(tasks, {
        // The last column stays free: some terminals go to the next line there and some do not.
        columns: columns - 1,
        rows: rows - 1,
        colors,
        rateOf: (task) => rates.of(task),
        isTotalKnown: ({ task }) =>
          producersOf.get(task)!.every((producer) => byId.get(producer)?.isOver ?? false),
      }));
    }, DRAW_EVERY_MS);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#giveBack?.();
    this.#giveBack = undefined;
    this.#screen.end();
  }
}

function lineByLine(tasks: readonly TaskProgress[], log: Logger): ReturnType<typeof setInterval> {
  const rates = new ProgressRates(tasks);
  let last = "";
  return setInterval(() => {
    rates.look();
    const seen = JSON.stringify(tasks.map(({ counts }) => counts));
    if (seen === last) return;
    last = seen;
    const fields = tasks.filter(({ isOver }) => !isOver).map((task) => {
      const { counts, waiting } = task;
      const { in: begun, out, errors } = counts;
      const rate = Math.round(rates.of(task) * 10) / 10;
      return [task.task, { in: begun, out, errors, rate, waiting }] as const;
    });
    if (fields.length > 0) log.info("Progress", Object.fromEntries(fields));
  }, LINE_EVERY_MS);
}
