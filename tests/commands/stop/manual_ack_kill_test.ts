import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { connect, type NatsConnection } from "nats";
import { eventually } from "../../support/waiting.ts";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";

const SCHEMA = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';

/** Asks with the fifth input, once the file `go` is there. */
const MODULE = `
import { existsSync } from "node:fs";
let held = 0;
export default function (record, ctx) {
  console.error("holds " + ++held);
  if (held === 5 && existsSync(new URL("./go", import.meta.url))) ctx.requestAck();
  return record;
}
`;

describe("a worker killed with inputs held", { skip: serverSkip("nats-server") }, () => {
  const kflow = new CommandLine();
  let nats: NatsServer;
  let folder: FlowFolder;
  let client: NatsConnection;

  before(async () => {
    nats = await startNats();
    client = await connect({ servers: nats.tcpUrl });
    folder = await FlowFolder.make();
    await folder.write("make.ts", "export default [0, 1, 2, 3, 4].map((n) => ({ n }));\n");
    await folder.write("work.ts", MODULE);
    await folder.write(
      "pipeline.yaml",
      `
name: held
globalConfig: {store: {addr: "file:./data"}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [work], schema: '${SCHEMA}'}
  - {id: work, type: raw, module: ./work.ts, out: [show], schema: '${SCHEMA}', meta: {ack.manual: true, max.poll.interval.ms: 1000}}
  - {id: show, type: print}
`,
    );
  });
  after(async () => {
    await kflow.endAll();
    await client?.close();
    await nats?.stop();
    await folder?.remove();
  });

  function worker(task: string) {
    return kflow.start(["worker", folder.file("pipeline.yaml"), "--task", task], {
      env: { KFLOW_NATS_ADDR: nats.tcpUrl },
    });
  }

  it("has published and acknowledged nothing: all of them are redelivered", async () => {
    const { streams, consumers } = await client.jetstreamManager();
    const stored = async () => (await streams.info("kflow-held-show")).state.messages;
    const acked = async () =>
      (await consumers.info("kflow-held-work", "held-work")).ack_floor.stream_seq;
    worker("make");
    const doomed = worker("work");
    await doomed.sees("holds 5");
    await doomed.kill();
    assert.deepEqual([await stored(), await acked()], [0, 0]);

    await folder.write("go", "");
    const next = worker("work");
    await eventually(async () => await stored() === 5, "five outputs");
    await eventually(async () => await acked() === 5, "five acknowledgements");
    next.signal("SIGTERM");
    const { status, stderr } = await next.end();
    assert.equal(status, 0, stderr);
    assert.equal(await stored(), 5);
  });
});
