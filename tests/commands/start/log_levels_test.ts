import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createNodeHost } from "../../../adapters/shared/node_host.ts";
import { runCommandLine } from "../../../adapters/shared/cli/command_line.ts";
import { LOG_LEVELS, type LogLevel } from "../../../src/base/log.ts";
import { ownHost } from "../../support/in_process/own_host.ts";
import { CommandLine } from "../../support/commands/command.ts";
import { RUNTIMES } from "../../support/runtimes.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";

const PIPELINE = `
name: levels
globalConfig: {store: {addr: "file:./data"}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [work], schema: '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}'}
  - {id: work, type: raw, module: ./work.ts, meta: {max.attempts: 1}}
`;
/** Says one line at each level, fails in two ways that the runtime tells of, and then never returns. */
const WORK = `
import { AckError } from "kflow";
export default async function ({ n }, { log }) {
  log.debug("from the function");
  log.info("from the function");
  log.warning("from the function");
  log.error("from the function");
  log.critical("from the function");
  if (n === 1) throw new AckError("no use");
  if (n === 2) throw new Error("no luck");
  await new Promise(() => {});
}
`;

interface Line {
  readonly time: string;
  readonly level: LogLevel;
  readonly message: string;
}

describe("KFLOW_RUNTIME_LOG_LEVEL", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;

  before(async () => {
    folder = await FlowFolder.make();
    await folder.write("pipeline.yaml", PIPELINE);
    await folder.write("make.ts", "export default [{ n: 1 }, { n: 2 }, { n: 3 }];");
    await folder.write("work.ts", WORK);
  });
  after(async () => {
    await kflow.endAll();
    await folder.remove();
  });

  /** Runs until the grace of a stop is over, with a call that does not end. */
  async function linesAt(level: string | undefined, runtime: typeof RUNTIMES[number]) {
    const state = folder.file(`state-${crypto.randomUUID()}`);
    const command = kflow.start(["run", folder.file("pipeline.yaml")], {
      runtime,
      env: {
        KFLOW_STATE_DIR: state,
        KFLOW_SHUTDOWN_GRACE_MS: "50",
        ...(level !== undefined && { KFLOW_RUNTIME_LOG_LEVEL: level }),
      },
    });
    await command.sees('"CRITICAL","message":"from the function"', 3);
    command.signal("SIGTERM");
    const { status, stderr } = await command.end();
    assert.equal(status, 143, stderr);
    return linesOf(stderr);
  }

  const linesOf = (stderr: string) =>
    stderr.trimEnd().split("\n").map((line) => JSON.parse(line) as Line);
  const own = (lines: readonly Line[], level: LogLevel) =>
    lines.filter((line) => line.level === level && line.message !== "from the function")
      .map(({ message }) => message);

  for (const runtime of RUNTIMES) {
    for (const [least, level] of LOG_LEVELS.entries()) {
      it(`${level} writes its lines and those above it, on ${runtime}`, async () => {
        const lines = await linesAt(level, runtime);
        const written = LOG_LEVELS.slice(least);
        assert.deepEqual(
          LOG_LEVELS.filter((each) => lines.some((line) => line.level === each)),
          written,
        );
        const said = lines.filter(({ message }) => message === "from the function");
        assert.deepEqual(said.map((line) => line.level), [...written, ...written, ...written]);
        for (const { time } of lines) assert.equal(new Date(time).toISOString(), time);
      });
    }
  }

  it(
    "is INFO unless it is set, and the runtime has lines of its own at each level",
    async () => {
      const lines = await linesAt(undefined, RUNTIMES[0]);
      assert.deepEqual(own(lines, "DEBUG"), []);
      assert.deepEqual(own(lines, "INFO"), [
        "The source has no more records",
        "Stopping: what is begun is finished, the rest is handed back",
      ]);
      assert.deepEqual(own(lines, "CRITICAL"), [
        "The grace is over: ending with work unfinished; it will be delivered again",
      ]);
      assert.deepEqual(own(lines, "WARNING"), ["Record given up by the function"]);
      assert.deepEqual(own(lines, "ERROR"), ["Record is a dead letter"]);
    },
  );

  it(
    "CRITICAL still logs a dead letter that cannot be stored, and a second signal",
    async () => {
      const state = `state-${crypto.randomUUID()}`;
      await folder.write(`${state}/levels-dead`, "a file where the folder is needed");
      const command = kflow.start(["run", folder.file("pipeline.yaml")], {
        env: { KFLOW_STATE_DIR: folder.file(state), KFLOW_RUNTIME_LOG_LEVEL: "CRITICAL" },
      });
      await command.sees("Cannot store a dead letter; the record stays where it is");
      await command.sees('"CRITICAL","message":"from the function"', 3);
      command.signal("SIGTERM");
      // At this level nothing tells that the first signal has come.
      const again = setInterval(() => command.signal("SIGTERM"), 50);
      const { status, stderr } = await command.end().finally(() => clearInterval(again));
      assert.equal(status, 143);
      const said = own(linesOf(stderr), "CRITICAL");
      assert.equal(said.at(-1), "Second signal: ending at once");
      assert.deepEqual(
        new Set(said.slice(0, -1)),
        new Set(["Cannot store a dead letter; the record stays where it is"]),
      );
    },
  );

  it("with any other value is refused", async () => {
    const env = { KFLOW_RUNTIME_LOG_LEVEL: "WARN" };
    const { status, stderr } = await kflow.run(["run", folder.file("pipeline.yaml")], { env });
    assert.equal(status, 2);
    assert.match(
      stderr,
      /KFLOW_RUNTIME_LOG_LEVEL: expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL, got "WARN"/,
    );
  });
});

describe("log lines", () => {
  let folder: FlowFolder;
  before(async () => {
    folder = await FlowFolder.make();
    await folder.write(
      "pipeline.yaml",
      PIPELINE.replace("name: levels", "name: levels\nmode: batch"),
    );
    await folder.write("make.ts", "export default [{ n: 2 }];");
    // Only the command line of a platform makes "kflow" known to modules.
    await folder.write("work.ts", WORK.replace('import { AckError } from "kflow";', ""));
  });
  after(() => folder.remove());

  for (const isTerminal of [true, false]) {
    it(
      `are ${isTerminal ? "text on a terminal" : "JSON in a pipe"}, on standard error alone`,
      async () => {
        const written = { stdout: "", stderr: "" };
        const output = (name: "stdout" | "stderr") => ({
          write: (text: string) => (written[name] += text) !== "",
          drained: () => Promise.resolve(),
          isTerminal,
          columns: 80,
        });
        const host = createNodeHost({ platform: "tests", ...await ownHost() });
        const args = ["run", folder.file("pipeline.yaml")];
        const status = await runCommandLine({
          ...host,
          env: () => undefined,
          stdout: output("stdout"),
          stderr: output("stderr"),
        }, args);
        assert.equal(status, 3, "the record that fails is a dead letter");
        const said = written.stderr.split("\n").filter((line) =>
          line.includes("from the function")
        );
        const levels = LOG_LEVELS.slice(1);
        if (isTerminal) {
          assert.deepEqual(
            // The table may have been drawn between two lines.
            said.map((line) => line.replace(/^.*?\d\d:\d\d:\d\d\.\d\d\d /, "")),
            levels.map((level) => `${level.padEnd(7)} from the function task=work`),
          );
        } else {
          assert.deepEqual(
            said.map((line) => JSON.parse(line)).map(({ time: _, ...line }) => line),
            levels.map((level) => ({ level, message: "from the function", task: "work" })),
          );
        }
        assert.doesNotMatch(written.stdout, /from the function/);
        assert.match(written.stdout, /^levels: /m);
      },
    );
  }
});
