import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { eventually } from "../support/waiting.ts";
import { CommandLine } from "../support/commands/command.ts";
import { OWN_RUNTIME } from "../support/runtimes.ts";
import { runWithFastavro } from "../support/data/fastavro.ts";
import { FlowFolder } from "../support/commands/flow_folder.ts";
import { freePort } from "../support/servers/free_port.ts";
import { type NatsServer, startNats } from "../support/servers/nats_server.ts";
import { countsOf, resultsIn } from "../support/commands/quickstart.ts";
import { serverSkip } from "../support/servers/server_binary.ts";

describe("examples/quickstart", () => {
  const kflow = new CommandLine();
  after(() => kflow.endAll());

  it("gives what its expected.json says, and a report by task", async () => {
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

  it("is read by Python's fastavro as its expected.txt says", async () => {
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

describe("examples/long-running", () => {
  const kflow = new CommandLine();
  after(() => kflow.endAll());

  it(
    "prints what its expected.txt says, each record at its first attempt, and names the one without an end",
    async () => {
      const folder = await FlowFolder.make("long-running");
      try {
        const { status, stdout, stderr } = await kflow.run(["run", folder.file("pipeline.yaml")]);
        const expected = new TextDecoder().decode(await folder.read("expected.txt"));
        assert.equal(status, 3, stderr);
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
  const expected = new URL("../../examples/http/expected.txt", import.meta.url);

  it(
    "answers what its expected.txt says where the runtime's own server serves it",
    async () => {
      const port = await freePort();
      const server = kflow.start([], { main: `examples/http/${OWN_RUNTIME}.js`, env: env(port) });
      assert.equal(await answersAt(port), await readFile(expected, "utf8"));
      await server.kill();
    },
  );

  it("answers the same where the runtime serves a default export", async () => {
    const port = await freePort();
    const deno = ["serve", "--host=127.0.0.1", `--port=${port}`];
    const server = kflow.start([], { main: "examples/http/module.ts", env: env(port), deno });
    assert.equal(await answersAt(port), await readFile(expected, "utf8"));
    await server.kill();
  });

  it("answers the same where kflow serves it", async () => {
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

/** Records that pass through each task of an example, into it and out of it. */
const PRINTING = {
  "manual-ack": { orders: [0, 12], label: [12, 12], show: [12, 0] },
  "side-outs": { make: [0, 5], forward: [5, 5], "print-main": [5, 0], "print-notes": [2, 0] },
  "error-side-stream": {
    errors: [3, 3],
    tell: [3, 3],
    "show-errors": [3, 0],
    measure: [0, 5],
    check: [6, 3],
    show: [3, 0],
  },
};

for (const [example, counts] of Object.entries(PRINTING)) {
  const tasks = Object.keys(counts);
  describe(`examples/${example}`, () => {
    const kflow = new CommandLine();
    after(() => kflow.endAll());

    async function assertPrinted(folder: FlowFolder, stdout: string): Promise<void> {
      const expected = new TextDecoder().decode(await folder.read("expected.txt"));
      const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
      assert.deepEqual(lines.sort(), expected.trim().split("\n").sort());
    }

    async function printsWhatIsExpected(env: Record<string, string> = {}): Promise<void> {
      const folder = await FlowFolder.make(example);
      try {
        const { status, stdout, stderr } = await kflow.run(
          ["run", folder.file("pipeline.yaml")],
          { env },
        );
        await assertPrinted(folder, stdout);
        assert.equal(status, 0, stderr);
        for (const [task, [taken, given]] of Object.entries(counts)) {
          assert.deepEqual(countsOf(stdout, task).slice(0, 2), [taken, given], task);
        }
      } finally {
        await folder.remove();
      }
    }

    it("prints what its expected.txt says, with nothing installed", async () => {
      await printsWhatIsExpected();
    });

    describe("on a NATS server", { skip: serverSkip("nats-server") }, () => {
      let server: NatsServer;
      before(async () => {
        server = await startNats();
      });
      after(() => server?.stop());

      for (const way of ["tcpUrl", "wsUrl"] as const) {
        it(`prints what its expected.txt says, over ${way}, also the next time`, async () => {
          await printsWhatIsExpected({
            KFLOW_NATS_ADDR: server[way],
            KFLOW_CREATE_SIDESTREAM: "true",
          });
        });
      }

      it("prints it with a worker in a process of its own for each task", async () => {
        const folder = await FlowFolder.make(example);
        try {
          const env = {
            KFLOW_NATS_ADDR: server.tcpUrl,
            KFLOW_CREATE_SIDESTREAM: "true",
          };
          const workers = tasks.map((task) =>
            kflow.start(["worker", folder.file("pipeline.yaml"), "--task", task], { env })
          );
          const ends = await Promise.all(workers.map((worker) => worker.end()));
          for (const { status, stderr } of ends) assert.equal(status, 0, stderr);
          await assertPrinted(folder, ends.map(({ stdout }) => stdout).join("\n"));
        } finally {
          await folder.remove();
        }
      });
    });
  });
}
