import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { CommandLine } from "./support/command.ts";
import { runWithFastavro } from "./support/fastavro.ts";
import { FlowFolder } from "./support/flow_folder.ts";
import { countsOf, resultsIn } from "./support/quickstart.ts";
import { serverSkip } from "./support/server_binary.ts";

const SLOW = { timeout: 60_000 };

describe("examples/quickstart", () => {
  const kflow = new CommandLine();
  after(() => kflow.endAll());

  it("gives what its expected.json says, and a report by task", SLOW, async () => {
    const folder = await FlowFolder.make("quickstart");
    try {
      const { status, stdout } = await kflow.run(["run", folder.file("pipeline.yaml")]);
      const expected = JSON.parse(new TextDecoder().decode(await folder.read("expected.json")));
      const count = Object.keys(expected).length;
      assert.deepEqual(resultsIn(await folder.files("data/results")), expected);
      assert.equal(status, 0);
      assert.match(stdout, /^task +in +out +errors +redelivered +dead +time$/m);
      assert.match(stdout, new RegExp(`^list +0 +${count} +0 +0 +0 +[\\d.]+ s$`, "m"));
      assert.match(stdout, new RegExp(`^describe +${count} +${count} +0 +0 +0 +[\\d.]+ s$`, "m"));
      assert.match(stdout, new RegExp(`^store +${count} +0 +0 +0 +0 +[\\d.]+ s$`, "m"));
    } finally {
      await folder.remove();
    }
  });
});

describe("examples/python-reads-output", { skip: serverSkip("fastavro") }, () => {
  const kflow = new CommandLine();
  after(() => kflow.endAll());

  it("is read by Python's fastavro as its expected.txt says", SLOW, async () => {
    const folder = await FlowFolder.make("python-reads-output");
    try {
      const { status, stderr } = await kflow.run(["run", folder.file("pipeline.yaml")]);
      assert.equal(status, 0, stderr);
      const data = folder.file("data/measurements");
      const printed = await runWithFastavro([folder.file("read.py"), data]);
      assert.equal(printed, new TextDecoder().decode(await folder.read("expected.txt")));
    } finally {
      await folder.remove();
    }
  });
});

/** Examples that run with nothing installed and print the same each time. */
const PRINTING = ["manual-ack"];

for (const name of PRINTING) {
  describe(`examples/${name}`, () => {
    const kflow = new CommandLine();
    after(() => kflow.endAll());

    it("prints what its expected.txt says, and a report", SLOW, async () => {
      const folder = await FlowFolder.make(name);
      try {
        const { status, stdout, stderr } = await kflow.run(["run", folder.file("pipeline.yaml")]);
        const expected = new TextDecoder().decode(await folder.read("expected.txt"));
        assert.equal(status, 0, stderr);
        assert.ok(stdout.startsWith(`${expected}\ntask `), stdout);
      } finally {
        await folder.remove();
      }
    });
  });
}

describe("examples/long-running", () => {
  const kflow = new CommandLine();
  after(() => kflow.endAll());

  it(
    "prints what its expected.txt says, each record at its first attempt, and names the one without an end",
    SLOW,
    async () => {
      const folder = await FlowFolder.make("long-running");
      try {
        const { status, stdout, stderr } = await kflow.run(["run", folder.file("pipeline.yaml")]);
        const expected = new TextDecoder().decode(await folder.read("expected.txt"));
        assert.equal(status, 1, stderr);
        assert.ok(stdout.startsWith(expected), stdout);
        assert.deepEqual(countsOf(stdout, "wait"), [3, 3, 0, 0, 0]);
        assert.deepEqual(countsOf(stdout, "primes"), [3, 2, 1, 0, 1]);
        assert.match(
          stdout,
          /^dead: primes \{"n":-1\} after 1 attempts: .*max\.processing\.ms allows/m,
        );
      } finally {
        await folder.remove();
      }
    },
  );
});
