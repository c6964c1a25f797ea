import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { connect, type NatsConnection } from "nats";
import { eventually, pause } from "../../support/waiting.ts";
import { type Command, CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";

const SLOW = { timeout: 120_000 };
/** Together much more than a pipe holds. */
const COUNT = 2_000;
const SCHEMA = '{"type":"record","name":"N","fields":[{"name":"n","type":"long"},' +
  '{"name":"padding","type":"string"}]}';
const PADDING = "x".repeat(500);

function numbersOf({ stdout }: { stdout: string }): number[] {
  return stdout.split("\n").filter((line) => /^\{.*\}$/.test(line)).map((line) =>
    JSON.parse(line).n as number
  );
}

describe("print, where its lines are not read", { skip: serverSkip("nats-server") }, () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;
  let server: NatsServer;
  let client: NatsConnection;
  let flow: string;

  before(async () => {
    server = await startNats();
    client = await connect({ servers: server.tcpUrl });
    folder = await FlowFolder.make();
    await folder.write(
      "make.ts",
      `export default function* (ctx) {
        for (let n = ctx.position; n < ${COUNT}; n++) yield { n, padding: "${PADDING}" };
      }`,
    );
  }, SLOW);
  after(async () => {
    await kflow.endAll();
    await client?.close();
    await server?.stop();
    await folder?.remove();
  });

  /** A queue of records in front of `print`. */
  async function waiting(ackWaitMs: number): Promise<void> {
    flow = `unread-${crypto.randomUUID().slice(0, 8)}`;
    await folder.write(
      "pipeline.yaml",
      `
mode: batch
name: ${flow}
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${SCHEMA}', out: [show]}
  - {id: show, type: print, meta: {max.poll.interval.ms: ${ackWaitMs}}}
`,
    );
    assert.equal((await worker("make").end()).status, 0);
  }

  function worker(task: string, unread?: "stdout"): Command {
    return kflow.start(["worker", folder.file("pipeline.yaml"), "--task", task], {
      env: { KFLOW_NATS_ADDR: server.tcpUrl },
      unread,
    });
  }

  async function acked(): Promise<number> {
    const manager = await client.jetstreamManager();
    const info = await manager.consumers.info(`kflow-${flow}-show`, `${flow}-show`)
      .catch(() => undefined);
    return info?.ack_floor.stream_seq ?? 0;
  }

  /** How many are acknowledged when no more are. */
  async function ackedInTheEnd(): Promise<number> {
    let before = -1;
    let now = await acked();
    await eventually(
      async () => {
        await pause(300);
        before = now;
        now = await acked();
        return now > 0 && now === before;
      },
      "a standstill",
      60_000,
    );
    return now;
  }

  it(
    "acknowledges no record whose line the system has not taken: none is lost when the worker is killed",
    SLOW,
    async () => {
      await waiting(11_000);
      const killed = worker("show", "stdout");
      const count = await ackedInTheEnd();
      assert.ok(count < COUNT / 2, `${count} are acknowledged`);
      killed.signal("SIGKILL");
      killed.read();
      const first = numbersOf(await killed.end());
      assert.ok(first.length >= count, `${first.length} lines for ${count} acknowledged records`);
      const other = worker("show");
      const second = numbersOf(await other.end(100_000));
      assert.deepEqual(
        [...new Set([...first, ...second])].sort((a, b) => a - b),
        Array.from({ length: COUNT }, (_none, n) => n),
      );
    },
  );

  it("nacks what it has when its reader closes the pipe, and ends with 141", SLOW, async () => {
    // What is not handed back does not come in time.
    await waiting(120_000);
    const left = worker("show", "stdout");
    await ackedInTheEnd();
    left.closeStdout();
    const { status, stderr } = await left.end();
    assert.equal(status, 141, stderr);
    assert.match(stderr, /"Stopping: .*"signal":"SIGPIPE"/);
    assert.doesNotMatch(stderr, /"level":"(WARNING|ERROR|CRITICAL)"/);
    const count = await acked();
    const end = await worker("show").end();
    assert.equal(end.status, 0, end.stderr);
    assert.equal(numbersOf(end).length + count, COUNT);
  });
});

describe("kflow run, where one of its outputs is never read", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;
  before(async () => {
    folder = await FlowFolder.make();
  });
  after(async () => {
    await kflow.endAll();
    await folder?.remove();
  });

  /** Started, and with more records made than the pipe has room for. */
  async function filled(unread: "stdout" | "stderr", graceMs: number): Promise<Command> {
    const made = crypto.randomUUID();
    const what = unread === "stdout"
      ? `yield { n, padding: "${PADDING}" };`
      : `ctx.log.info("${PADDING}"); yield { n, padding: "" };`;
    await folder.write(
      "make.ts",
      `import { writeFileSync } from "node:fs";
      export default function* (ctx) {
        for (let n = ctx.position; ; n++) {
          if (n === 500) writeFileSync(${JSON.stringify(folder.file(made))}, "");
          ${what}
        }
      }`,
    );
    await folder.write(
      "pipeline.yaml",
      `
name: unread
dag:
  - {id: make, type: raw-source, module: ./make.ts, meta: {rate: 1000}, schema: '${SCHEMA}', out: [show]}
  - {id: show, type: print}
`,
    );
    const run = kflow.start(["run", folder.file("pipeline.yaml")], {
      env: { KFLOW_SHUTDOWN_GRACE_MS: String(graceMs) },
      unread,
    });
    const isThere = () => folder.read(made).then(() => true, () => false);
    await eventually(isThere, "500 records", 30_000);
    return run;
  }

  async function statusOf(run: Command, unread: "stdout" | "stderr") {
    await eventually(() => run.isExited, "end of the process", 20_000);
    run.read(unread);
    return (await run.end()).status;
  }

  it("ends at the end of its grace after SIGTERM, if it is standard output", SLOW, async () => {
    const run = await filled("stdout", 2_000);
    run.signal("SIGTERM");
    assert.equal(await statusOf(run, "stdout"), 143);
    assert.match(run.stderr, /"The grace is over/);
  });

  it("ends at once at a second signal, if it is standard output", SLOW, async () => {
    const run = await filled("stdout", 600_000);
    run.signal("SIGTERM");
    await run.sees('"Stopping');
    run.signal("SIGTERM");
    assert.equal(await statusOf(run, "stdout"), 143);
    assert.match(run.stderr, /"Second signal/);
  });

  it(
    "goes on with its records and stops cleanly after SIGTERM, if it is standard error",
    SLOW,
    async () => {
      const run = await filled("stderr", 600_000);
      await run.sees('{"n":1500,');
      run.signal("SIGTERM");
      assert.equal(await statusOf(run, "stderr"), 0);
    },
  );

  it("ends a batch by itself, if it is standard error", async () => {
    await folder.write(
      "make.ts",
      `export default function* (ctx) {
        for (let n = ctx.position; n < 2000; n++) {
          ctx.log.info("${PADDING}");
          yield { n, padding: "" };
        }
      }`,
    );
    await folder.write(
      "batch.yaml",
      `
name: unread-batch
mode: batch
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${SCHEMA}', out: [show]}
  - {id: show, type: print}
`,
    );
    const run = kflow.start(["run", folder.file("batch.yaml")], { unread: "stderr" });
    await eventually(() => run.isExited, "end of the process", 40_000);
    run.read("stderr");
    const { status, stdout } = await run.end();
    assert.equal(status, 0);
    assert.match(stdout, /^unread-batch: finished in /m);
  });

  it("says how many log lines it has dropped when standard error is read again", SLOW, async () => {
    const run = await filled("stderr", 600_000);
    // More than waits for a reader.
    await run.sees('{"n":3000,');
    run.read("stderr");
    await run.sees(/"Log lines were dropped: nothing reads them","dropped":\d+/);
    await run.kill();
  });
});
