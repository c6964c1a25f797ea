import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { eventually } from "./support/broker_probes.ts";
import { CommandLine, OWN_RUNTIME } from "./support/command.ts";
import { runWithFastavro } from "./support/fastavro.ts";
import { FlowFolder } from "./support/flow_folder.ts";
import { freePort } from "./support/free_port.ts";
import { resultsIn } from "./support/quickstart.ts";
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

describe("examples/http", () => {
  const kflow = new CommandLine();
  after(() => kflow.endAll());

  const BODIES = [
    { station: "harbour", fahrenheit: 212 },
    [{ station: "harbour", fahrenheit: 212 }, { station: "hill", fahrenheit: 32 }],
    { station: "harbour", fahrenheit: "hot" },
    [{ station: "hill", fahrenheit: 32 }, { station: "moon", fahrenheit: -500 }],
  ];

  /** What the example answers, in the form of its expected.txt. */
  async function answersAt(port: number): Promise<string> {
    const url = `http://127.0.0.1:${port}`;
    const isThere = () => fetch(`${url}/livez`).then(({ ok }) => ok, () => false);
    await eventually(isThere, "a server", 30_000);
    let text = "";
    for (const body of BODIES) {
      const headers = { "Content-Type": "application/json" };
      const init = { method: "POST", headers, body: JSON.stringify(body) };
      const response = await fetch(`${url}/tasks/celsius`, init);
      const answer = await response.json();
      const rest = answer.errors === undefined ? "" : ` ${JSON.stringify(answer.outputs)}`;
      text += `${response.status} ${answer.error ?? JSON.stringify(answer)}${rest}\n`;
    }
    return text;
  }

  const env = (port: number) => ({
    DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}`,
    BUN_PORT: String(port),
  });
  const expected = new URL("../examples/http/expected.txt", import.meta.url);

  it(
    "answers what its expected.txt says where the runtime's own server serves it",
    SLOW,
    async () => {
      const port = await freePort();
      const server = kflow.start([], { main: `examples/http/${OWN_RUNTIME}.js`, env: env(port) });
      assert.equal(await answersAt(port), await readFile(expected, "utf8"));
      await server.kill();
    },
  );

  it("answers the same where the runtime serves a default export", SLOW, async () => {
    const port = await freePort();
    const deno = ["serve", "--host=127.0.0.1", `--port=${port}`];
    const server = kflow.start([], { main: "examples/http/module.ts", env: env(port), deno });
    assert.equal(await answersAt(port), await readFile(expected, "utf8"));
    await server.kill();
  });

  it("answers the same where kflow serves it", SLOW, async () => {
    const folder = await FlowFolder.make("http");
    try {
      const port = await freePort();
      const server = kflow.start(["serve", folder.file("pipeline.yaml"), "--port", String(port)]);
      assert.equal(await answersAt(port), await readFile(expected, "utf8"));
      server.signal("SIGTERM");
      assert.equal((await server.end()).status, 0);
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
