import { after, afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { VERSION } from "../../../src/base/version.ts";
import { CommandLine } from "../../support/commands/command.ts";
import { OWN_RUNTIME } from "../../support/runtimes.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";

const FIXTURES = fileURLToPath(new URL("../../pipeline/fixtures/", import.meta.url));
/** Nobody answers there: a command that contacts anything would not end well. */
const NOWHERE = { KFLOW_NATS_ADDR: "nats://127.0.0.1:1", KFLOW_STORE_ADDR: "http://127.0.0.1:1" };

const LITERAL = /: literal password; write \$\{NAME\}/;

describe("kflow without running anything", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;

  beforeEach(async () => {
    folder = await FlowFolder.make();
  });
  afterEach(() => folder.remove());
  after(() => kflow.endAll());

  const documented: [string, RegExp[]][] = [
    ["autodownload", [LITERAL, LITERAL]],
    ["elastic-bulk", [LITERAL, LITERAL]],
    ["overview", [LITERAL, /error topic "topic1" has no dot/, /error topic "topic2" has no dot/]],
    ["side-outs", []],
    ["side-stream", [LITERAL]],
  ];
  for (const [name, warnings] of documented) {
    it(`validates ${name}.yaml of the product document, with its warnings`, async () => {
      const file = `${FIXTURES}${name}.yaml`;
      const { status, stdout, stderr } = await kflow.run(["validate", file], { env: NOWHERE });
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^.* is valid: \d tasks, \d edges, (streaming|batch)\n$/);
      const lines = stderr.split("\n").filter((line) => line !== "");
      assert.equal(lines.length, warnings.length, stderr);
      for (const [i, line] of lines.entries()) {
        assert.match(line, warnings[i]!);
        assert.match(line, /^warning: .*\.yaml:\d+:\d+ /);
      }
    });
  }

  it("prints all mistakes together, each with its place, and ends with 2", async () => {
    const file = await folder.write(
      "pipeline.yaml",
      [
        "mode: bacth",
        "dag:",
        "  - {id: list, type: fs-source, format: list, topics: docs, out: [stroe]}",
        "  - {id: store, type: s3-sink, topics: s3a://results, paralelism: 2}",
        "",
      ].join("\n"),
    );
    const { status, stdout, stderr } = await kflow.run(["validate", file, "--set", "nonsense"], {
      env: { ...NOWHERE, KFLOW_RUNTIME_LOG_LEVEL: "LOUD" },
    });
    assert.equal(status, 2);
    assert.equal(stdout, "");
    const lines = stderr.trimEnd().split("\n");
    const place = (line: number) => new RegExp(`pipeline\\.yaml:${line}:\\d+ .*: .*`);
    for (const line of [1, 3, 4]) assert.ok(lines.some((each) => place(line).test(each)), stderr);
    assert.ok(lines.some((line) => line.includes('did you mean "parallelism"?')), stderr);
    assert.ok(lines.some((line) => line.includes('did you mean "store"?')), stderr);
    assert.ok(lines.some((line) => line.startsWith("--set: ")), stderr);
    assert.ok(lines.some((line) => line.startsWith("environment KFLOW_RUNTIME_LOG_LEVEL: ")));
  });

  it("refuses a file that is not there, and a folder", async () => {
    const file = folder.file("nowhere.yaml");
    const ends = await Promise.all([
      kflow.run(["run", file]),
      kflow.run(["worker", folder.path, "--task", "list"]),
      kflow.run(["graph", folder.path]),
    ]);
    assert.deepEqual(ends.map((end) => end.status), [2, 2, 2]);
    assert.match(ends[0]!.stderr, /nowhere\.yaml: cannot read \(ENOENT\); .*\n$/);
    for (const { stderr } of ends.slice(1)) assert.match(stderr, /: cannot read \(EISDIR\); /);
  });

  it("warns of a variable that looks like a misspelt one", async () => {
    const env = { ...NOWHERE, KFLOW_SHUTDOWN_GRACEMS: "1" };
    const { status, stderr } = await kflow.run(["validate", `${FIXTURES}side-outs.yaml`], { env });
    assert.equal(status, 0, stderr);
    assert.equal(
      stderr,
      "warning: environment KFLOW_SHUTDOWN_GRACEMS: there is no such variable; did you mean KFLOW_SHUTDOWN_GRACE_MS?\n",
    );
  });

  it("draws a pipeline as Mermaid", async () => {
    const file = `${FIXTURES}side-outs.yaml`;
    const { status, stdout } = await kflow.run(["graph", file], { env: NOWHERE });
    assert.equal(status, 0);
    assert.match(stdout, /^flowchart LR\n/);
    for (const id of ["generate", "forward", "print-main", "print-sideout", "mysideout"]) {
      assert.ok(stdout.includes(id), stdout);
    }
  });

  it("prints its version and runtime", async () => {
    const { status, stdout } = await kflow.run(["version"]);
    assert.equal(status, 0);
    assert.match(
      stdout,
      new RegExp(`^kflow ${RegExp.escape(VERSION)} \\(${OWN_RUNTIME} [\\d.]+\\)\n$`),
    );
  });

  it("explains itself and each command", async () => {
    const all = await kflow.run(["--help"]);
    assert.equal(all.status, 0);
    const commands = ["run", "worker", "validate", "graph", "version"];
    const ends = await Promise.all(commands.map((command) => kflow.run([command, "--help"])));
    for (const [i, command] of commands.entries()) {
      assert.match(all.stdout, new RegExp(`^ +${command}\\b`, "m"));
      const { status, stdout } = ends[i]!;
      assert.equal(status, 0);
      assert.match(stdout, new RegExp(`^Usage: kflow ${command}\\b`));
      assert.equal(stdout.includes("--set"), command !== "version");
      assert.equal(stdout.includes("--task"), command === "worker");
    }
  });

  const wrong: [string, string[], RegExp][] = [
    ["no command", [], /^Usage: kflow/],
    ["an unknown command", ["frobnicate"], /unknown command 'frobnicate'/],
    ["an unknown option", ["run", "FILE", "--fast"], /unknown option '--fast'/],
    ["no file", ["validate"], /missing required argument 'file'/],
    ["no task", ["worker", "FILE"], /^environment KFLOW_TASK: it is needed .* --task ID$/m],
    [
      "a run that is no token",
      ["run", "FILE", "--run", "a b"],
      /^--run: expected .*, got "a b"; /m,
    ],
    [
      "a module for no task",
      ["run", "FILE", "--module", "x=./y.ts"],
      /^--module x: no task has id/m,
    ],
  ];
  for (const [what, args, message] of wrong) {
    it(`refuses ${what} with 2 and no stack`, async () => {
      const file = `${FIXTURES}side-outs.yaml`;
      const { status, stdout, stderr } = await kflow.run(
        args.map((arg) => arg === "FILE" ? file : arg),
      );
      assert.equal(status, 2);
      assert.equal(stdout, "");
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /^ +at /m);
    });
  }
});
