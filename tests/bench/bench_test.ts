import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { CommandLine } from "../support/commands/command.ts";
import { OWN_RUNTIME } from "../support/runtimes.ts";
import { serverSkip } from "../support/servers/server_binary.ts";

const SMALL = ["--records", "300", "--rounds", "1", "--runtime", OWN_RUNTIME];
const RATE = String.raw`\d+ +\d+ +\d+`;

describe("npm run bench", { skip: serverSkip("nats-server") }, () => {
  const commands = new CommandLine();
  after(() => commands.endAll());

  async function bench(...args: string[]) {
    return await commands.run(args, { main: "bench/bench.ts" });
  }

  async function compare(name: string): Promise<string> {
    const { status, stdout, stderr } = await bench("--only", name, ...SMALL);
    assert.equal(status, 0, stderr);
    assert.match(stdout, new RegExp(`^\n== ${name}: .+\n`));
    return stdout;
  }

  it("lets the loop by hand and our worker send each output to two streams", async () => {
    const text = await compare("fan-out");
    assert.match(text, new RegExp(`bare +${RATE}\n.*kflow +${RATE}\n.*kflow / bare = \\d`));
  });

  it("lets two processes share a consumer", async () => {
    const text = await compare("two-workers");
    assert.match(text, new RegExp(`bare +${RATE}\n.*kflow +${RATE}\n.*kflow / bare = \\d`));
  });

  it("tells what metrics, an error stream and long calls cost", async () => {
    const text = await compare("costs");
    for (const name of ["metrics", "error-stream", "long-running"]) {
      assert.match(text, new RegExp(`a record costs ${name} -?\\d+\\.\\d % more than kflow`));
    }
  });

  it("runs a whole pipeline in one process", async () => {
    const text = await compare("embedded");
    assert.match(text, new RegExp(`codec alone +${RATE}\n.*pipeline / codec alone = \\d`));
  });

  const GATE = ["--gate", "--only", "worker"];

  it("prints a table and a verdict of what the gate measures, with status 0 if all is within its bounds", async () => {
    const { status, stdout, stderr } = await bench(...GATE, "--least", "0.001", ...SMALL);
    assert.equal(status, 0, stderr);
    const row = `\\| worker / loop by hand \\| ${OWN_RUNTIME} \\| [\\d.]+ \\| >= 0.001 \\| ok \\|`;
    assert.match(stdout, new RegExp(`^${row}\n\nok: all 1 are within their bounds\n$`, "m"));
  });

  it("ends the gate with status 1 if something is not within its bound", async () => {
    const { status, stdout } = await bench(...GATE, "--least", "1000", ...SMALL);
    assert.equal(status, 1);
    assert.match(
      stdout,
      /\| >= 1000 \| FAILED \|\n\nFAILED: 1 of 1 are not within their bounds\n$/,
    );
  });

  it("ends with status 2 where there is no such comparison", async () => {
    const { status, stderr } = await bench("--only", "nothing");
    assert.equal(status, 2);
    assert.match(stderr, /^no comparison is named "nothing"\n/);
    const gate = await bench("--gate", "--only", "nothing");
    assert.equal(gate.status, 2);
    assert.match(gate.stderr, /^no measure is named "nothing"\n/);
  });
});
