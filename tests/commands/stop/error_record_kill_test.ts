import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { connect, type JetStreamManager, type NatsConnection } from "nats";
import { eventually } from "../../support/waiting.ts";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";
import { startTcpProxy, type TcpProxy } from "../../support/servers/tcp_proxy.ts";

/** Fails once the file `go` is there. */
const MODULE = `
import { existsSync } from "node:fs";
import { AckError } from "kflow";
export default async function (record, ctx) {
  console.error("begins attempt " + ctx.delivery.attempt);
  while (!existsSync(new URL("./go", import.meta.url))) await new Promise((resolve) => setTimeout(resolve, 10));
  throw new AckError("given up in attempt " + ctx.delivery.attempt);
}
`;

describe(
  "a worker killed between its error record and its ack",
  { skip: serverSkip("nats-server") },
  () => {
    const kflow = new CommandLine();
    let nats: NatsServer;
    let proxy: TcpProxy;
    let folder: FlowFolder;
    let client: NatsConnection;
    let manager: JetStreamManager;

    before(async () => {
      nats = await startNats();
      proxy = await startTcpProxy(nats.tcpPort);
      client = await connect({ servers: nats.tcpUrl });
      manager = await client.jetstreamManager();
      folder = await FlowFolder.make();
      await folder.write("work.ts", MODULE);
      await folder.write(
        "pipeline.yaml",
        `
mode: batch
name: killed
globalConfig:
  store: {addr: "file:./data"}
  sideStream: {enabled: true, addr: "${nats.tcpUrl}", errorTopics: kflow-error.error}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [work], schema: '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}'}
  - {id: work, type: raw, module: ./work.ts, meta: {max.poll.interval.ms: 2000}}
`,
      );
      await folder.write("make.ts", "export default [{ n: 7 }];\n");
    });
    after(async () => {
      await kflow.endAll();
      await client?.close();
      await proxy?.stop();
      await nats?.stop();
      await folder?.remove();
    });

    function worker(task: string, addr = nats.tcpUrl) {
      return kflow.start(["worker", folder.file("pipeline.yaml"), "--task", task], {
        env: { KFLOW_NATS_ADDR: addr, KFLOW_CREATE_SIDESTREAM: "true" },
      });
    }

    /** Message id and last line of each error record. */
    async function errorRecords(): Promise<string[]> {
      const info = await manager.streams.info("kflow-error").catch(() => undefined);
      const found: string[] = [];
      for (let seq = 1; seq <= (info?.state.last_seq ?? 0); seq++) {
        const { header, data } = await manager.streams.getMessage("kflow-error", { seq });
        const [reason] = /given up in attempt \d(?=\n)/.exec(new TextDecoder().decode(data)) ?? [];
        found.push(`${header.get("Nats-Msg-Id").split(".").at(-3)} ${reason}`);
      }
      return found;
    }

    it(
      "leaves one error record of that attempt, and one of the next when the input is redelivered",
      async () => {
        const source = worker("make");
        const doomed = worker("work", `nats://127.0.0.1:${proxy.port}`);
        await doomed.sees("begins attempt 1");
        proxy.stall();
        await folder.write("go", "");
        await eventually(
          async () => (await errorRecords()).length > 0,
          "record of the failed attempt",
        );
        const { num_ack_pending, ack_floor } = await manager.consumers.info(
          "kflow-killed-work",
          "killed-work",
        );
        assert.deepEqual([num_ack_pending, ack_floor.stream_seq], [1, 0]);
        await doomed.kill();

        const next = worker("work");
        const { status, stderr } = await next.end();
        assert.equal(status, 0, stderr);
        assert.match(stderr, /begins attempt 2/);
        assert.equal((await source.end()).status, 0);
        assert.deepEqual(await errorRecords(), [
          "1 given up in attempt 1",
          "2 given up in attempt 2",
        ]);
        const info = await manager.consumers.info("kflow-killed-work", "killed-work");
        assert.equal(info.ack_floor.stream_seq, 1);
      },
    );
  },
);
