import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { LiveScreen } from "../../adapters/shared/terminal/live_screen.ts";
import { progressTable, type TableOptions } from "../../adapters/shared/terminal/progress_table.ts";
import { ProgressRates } from "../../adapters/shared/terminal/progress_rates.ts";
import { TaskProgress } from "../../src/runtime/progress/task_progress.ts";
import { Terminal } from "../support/commands/terminal.ts";

describe("LiveScreen", () => {
  it("draws its lines again in their place", () => {
    const terminal = new Terminal(40);
    const screen = new LiveScreen(terminal);
    screen.draw(["a 1", "b 1"]);
    screen.draw(["a 2", "b 2", "c 2"]);
    assert.deepEqual(terminal.shown, ["a 2", "b 2", "c 2"]);
    screen.draw(["a 3"]);
    assert.deepEqual(terminal.shown, ["a 3"]);
    screen.end();
    screen.end();
    assert.deepEqual(terminal.shown, []);
  });

  it("has what others print above its lines, of both outputs", () => {
    const terminal = new Terminal(40);
    const screen = new LiveScreen(terminal);
    const [stdout, stderr] = [screen.through(terminal), screen.through(terminal)];
    screen.draw(["table"]);
    stderr.write("a log line that is longer than the terminal is wide\n");
    stdout.write("a record\n");
    screen.above(() => terminal.write("printed otherwise\n"));
    screen.draw(["table"]);
    assert.deepEqual(terminal.shown, [
      "a log line that is longer than the terminal is wide",
      "a record",
      "printed otherwise",
      "table",
    ]);
  });

  it("does not draw into a line that is not complete", () => {
    const terminal = new Terminal(40);
    const screen = new LiveScreen(terminal);
    const stdout = screen.through(terminal);
    screen.draw(["table"]);
    stdout.write("half a ");
    screen.draw(["table"]);
    stdout.write("line\n");
    screen.draw(["table"]);
    assert.deepEqual(terminal.shown, ["half a line", "table"]);
  });

  it("removes all of its lines after the terminal was made narrower or wider", () => {
    const terminal = new Terminal(40);
    const screen = new LiveScreen(terminal);
    screen.through(terminal).write("before\n");
    for (const columns of [15, 39, 7, 80]) {
      screen.draw([`\x1b[31m${"x".repeat(terminal.columns - 1)}\x1b[0m`, "short"]);
      terminal.columns = columns;
    }
    screen.end();
    assert.deepEqual(terminal.shown, ["before"]);
  });

  it("leaves an output alone that is no terminal", () => {
    const written: string[] = [];
    const file = {
      write: (text: string) => written.push(text) > 0,
      drained: () => Promise.resolve(),
      isTerminal: false,
      columns: 80,
    };
    const screen = new LiveScreen(new Terminal(40));
    assert.equal(screen.through(file), file);
  });
});

function progressOf(id: string, change: Partial<TaskProgress["counts"]> = {}): TaskProgress {
  const task = new TaskProgress(id);
  Object.assign(task.counts, change);
  return task;
}

function options(change: Partial<TableOptions> = {}): TableOptions {
  return {
    columns: 79,
    rows: 23,
    colors: false,
    rateOf: () => 12.34,
    isTotalKnown: () => true,
    ...change,
  };
}

describe("the table of a run", () => {
  const source = progressOf("list", { out: 200 });
  const work = progressOf("transform-documents", { in: 58, out: 46, acked: 48, errors: 2 });
  work.set("pending", 140);
  work.set("ackPending", 12);
  // Since then two more.
  Object.assign(work.counts, { in: 60, out: 48, acked: 50 });
  const done = progressOf("store", { in: 48, acked: 48 });
  done.set("pending", 0);
  done.set("ackPending", 0);
  done.isOver = true;
  const tasks = [source, work, done];

  it("has in, out, errors, rate, what waits, and a bar where the total is known", () => {
    assert.deepEqual(progressTable(tasks, options()), [
      "task                 in  out  errors  rate  waiting",
      "list                  0  200       0  12/s         ",
      "transform-documents  60   48       2  12/s      152  █████░░░░░░░░░░░░░░░░  25%",
      "store                48    0       0              0  █████████████████████ 100%",
    ]);
    const [, , without] = progressTable(tasks, options({ isTotalKnown: () => false }));
    assert.equal(without, "transform-documents  60   48       2  12/s      152");
  });

  it("fits into any width, leaving out columns and then the ends of names", () => {
    for (let columns = 8; columns <= 200; columns++) {
      for (const line of progressTable(tasks, options({ columns }))) {
        assert.ok(line.length <= Math.max(columns, 13), `${columns}: ${line}`);
      }
    }
    assert.deepEqual(progressTable(tasks, options({ columns: 33 })), [
      "task         out  errors  waiting",
      "list         200       0         ",
      "transform-…   48       2      152",
      "store          0       0        0",
    ]);
  });

  it("fits into any height: what is over goes first, and it says how much is left out", () => {
    const many = Array.from({ length: 30 }, (_, i) => {
      const task = progressOf(`t${i}`);
      task.isOver = i < 25;
      return task;
    });
    const lines = progressTable(many, options({ rows: 10 }));
    assert.equal(lines.length, 10);
    assert.equal(lines.at(-1), "and 22 more");
    const names = lines.slice(1, -1).map((line) => line.split(" ")[0]);
    assert.deepEqual(names, ["t0", "t1", "t2", "t25", "t26", "t27", "t28", "t29"]);
  });

  it("has colours only where they are wanted", () => {
    const escape = "\x1b";
    assert.ok(!progressTable(tasks, options()).join("").includes(escape));
    const [head, , bad] = progressTable(tasks, options({ colors: true }));
    assert.ok(head!.startsWith("\x1b[2m") && head!.endsWith("\x1b[0m"));
    assert.ok(bad!.startsWith("\x1b[31m"));
  });
});

describe("ProgressRates", () => {
  it("gives what was done per second in the last five seconds", () => {
    const [source, work] = [progressOf("list"), progressOf("work")];
    const rates = new ProgressRates([source, work], 0);
    assert.equal(rates.of(work), 0);
    for (let second = 1; second <= 10; second++) {
      source.counts.out += second <= 5 ? 100 : 10;
      work.counts.in += 7;
      work.counts.acked += 5;
      rates.look(second * 1000);
      if (second === 5) assert.equal(rates.of(source), 100);
    }
    assert.equal(rates.of(source), 10);
    assert.equal(rates.of(work), 5);
  });
});
