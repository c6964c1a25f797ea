import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import process from "node:process";
import { CommandLine } from "../../support/commands/command.ts";
import { RUNTIMES } from "../../support/runtimes.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { SLOW_MODULE } from "../../support/commands/quickstart.ts";
import { Terminal } from "../../support/commands/terminal.ts";

// deno-lint-ignore no-control-regex
const COLORS = /\x1b\[[\d;]*m/g;
/** Gives a command a terminal of its own; the arguments are those of Linux. */
const SCRIPT = "/usr/bin/script";
const noTerminal = process.platform !== "linux" || !existsSync(SCRIPT)
  ? `no ${SCRIPT} of Linux to give a command a terminal`
  : false;

/** Without the lines that Deno clears for itself while it loads modules. */
function ownOf(stdout: string): string {
  // deno-lint-ignore no-control-regex
  return stdout.replace(/^(\x1b\[0G\x1b\[2K\x1b\[J)*/, "");
}

describe("kflow run that is watched", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;
  let args: string[];
  before(async () => {
    folder = await FlowFolder.make("quickstart");
    await folder.write("slow.ts", SLOW_MODULE);
    args = ["run", folder.file("pipeline.yaml"), "--set", "dag.describe.module=./slow.ts"];
    args.push("--set", "dag.list.meta.checkpoint=false");
  });
  after(async () => {
    await kflow.endAll();
    await folder.remove();
  });

  for (const runtime of RUNTIMES) {
    for (const [name, env] of [["in colours", { NO_COLOR: "" }], ["without", { NO_COLOR: "1" }]]) {
      it(
        `shows a table on a terminal on ${runtime}, ${name}`,
        { skip: noTerminal },
        async () => {
          const run = kflow.start(args, {
            runtime,
            env: { WORK_MS: "60", TERM: "xterm", ...env as Record<string, string> },
            terminal: { columns: 60, rows: 20 },
          });
          const { status, stdout } = await run.end();
          assert.equal(status, 0, stdout);
          // The terminal writes the line breaks that it was sent as two characters.
          const sent = ownOf(stdout).replaceAll("\r\n", "\n");
          const terminal = new Terminal(60, 20);
          terminal.write(sent);
          const shown = terminal.shown.join("\n");
          assert.equal(shown.match(/^task .*waiting/gm), null, "the table is left on the screen");
          assert.equal(shown.match(/INFO +begins /g)?.length, 32);
          assert.match(shown, /^describe +32 +32 +0 +0 +0 +\d/m);
          assert.ok(sent.split("task      in  out  errors").length > 5, "the table was not drawn");
          assert.match(
            sent.replaceAll(COLORS, ""),
            /describe +\d+ +\d+ +0 +[\d.]+\/s +\d+ +[█░]+ +\d+%/,
          );
          assert.equal(COLORS.test(sent), name === "in colours");
        },
      );
    }

    it(
      `logs a line every five seconds on ${runtime} where there is no terminal`,
      async () => {
        const run = await kflow.run(args, { runtime, env: { WORK_MS: "200" } });
        assert.equal(run.status, 0, run.stderr);
        const lines = run.stderr.split("\n").filter((line) => line.includes('"Progress"'))
          .map((line) => JSON.parse(line));
        assert.equal(lines.length, 1);
        const { list, describe, level } = lines[0];
        assert.equal(level, "INFO");
        assert.equal(list, undefined);
        assert.ok(describe.in > 10 && describe.in < 32 && describe.errors === 0);
        assert.ok(describe.out <= describe.in && describe.rate > 2 && describe.rate < 6);
        assert.ok(describe.waiting > 0 && describe.waiting <= 32);
        assert.doesNotMatch(run.stderr, COLORS);
      },
    );
  }

  it("logs no line of progress when it ends before five seconds", async () => {
    const run = await kflow.run(args);
    assert.equal(run.status, 0);
    assert.doesNotMatch(run.stderr, /Progress/);
  });

  it("logs lines of progress on a dumb terminal", { skip: noTerminal }, async () => {
    const run = kflow.start(args, {
      env: { WORK_MS: "200", TERM: "dumb" },
      terminal: { columns: 60, rows: 20 },
    });
    const { stdout } = await run.end();
    assert.match(stdout, /INFO +Progress describe=/);
    assert.ok(!ownOf(stdout).includes("\x1b"), stdout);
  });
});
