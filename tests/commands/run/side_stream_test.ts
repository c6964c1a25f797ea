import { after, afterEach, before, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import { connect } from "nats";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { newSecret } from "../../support/run_record.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";

const DOCUMENT = fileURLToPath(
  new URL("../../pipeline/fixtures/side-stream.yaml", import.meta.url),
);
const MODULE = `
import { AckError } from "kflow";
export default function ({ key }: { key: string }) {
  if (key.endsWith("a")) throw new AckError("no use:\\nnever");
  return { msg: key };
}
`;

describe("the product document's side-stream.yaml", { skip: serverSkip("nats-server") }, () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;
  const password = newSecret();
  let side: NatsServer;

  before(async () => {
    side = await startNats({ user: "errors", password });
  });
  beforeEach(async () => {
    folder = await FlowFolder.make();
    await folder.write("side-stream.yaml", await readFile(DOCUMENT));
    await folder.write("process.ts", MODULE);
    for (const key of ["a", "b"]) await folder.write(`data/bucket/dir/subdir/${key}`, key);
  });
  afterEach(() => folder.remove());
  after(async () => {
    await kflow.endAll();
    await side?.stop();
  });

  function start(
    addr: string,
    env: Record<string, string> = {},
    credentials = `errors:${password}`,
  ) {
    return kflow.start([
      "run",
      folder.file("side-stream.yaml"),
      "--module",
      `process=${folder.file("process.ts")}`,
      "--set",
      "dag.read.addr=file:./data",
      "--set",
      `globalConfig.sideStream.addr=${addr.replace("://", `://${credentials}@`)}`,
    ], { env: { KFLOW_CREATE_SIDESTREAM: "yes", ...env } });
  }

  it("runs, and puts its error records on another server, over tcp and ws", async () => {
    const seen: Record<string, unknown>[] = [];
    for (const addr of [side.tcpUrl, side.wsUrl]) {
      const command = start(addr, { HOSTNAME: seen.length === 0 ? "pod-7" : "" });
      await command.sees("Record given up by the function");
      command.signal("SIGTERM");
      const { status, stderr } = await command.end();
      assert.equal(status, 0, stderr);
      assert.ok(!stderr.includes(password));
      seen.push(...(await records()).slice(seen.length));
      await folder.remove(".kflow");
    }
    assert.equal(seen.length, 2);
    assert.deepEqual(seen.map(({ podName }) => podName), ["pod-7", hostname()]);
    for (const { error, payload, flowId, functionId } of seen) {
      assert.equal(String(error).split("\n").at(-2), "AckError: no use: never");
      assert.equal(JSON.parse(String(payload)).key, "dir/subdir/a");
      assert.deepEqual([flowId, functionId], ["side-stream", "process"]);
    }
  });

  it("does not start when the other server refuses it", async () => {
    const refused = start(side.wsUrl, {}, `errors:${newSecret()}`);
    const { status, stderr } = await refused.end();
    assert.equal(status, 1, stderr);
    assert.match(stderr, new RegExp(RegExp.escape(side.wsUrl)));
  });

  async function records(): Promise<Record<string, unknown>[]> {
    const client = await connect({
      servers: side.tcpUrl,
      user: "errors",
      pass: password,
    });
    const { streams } = await client.jetstreamManager();
    const { state, config } = await streams.info("kflow-error");
    assert.equal(config.discard, "old");
    const schemas = await streams.getMessage("KV_kflow-state", {
      last_by_subj: await schemaSubject(streams) ?? "none",
    });
    const schema = new AvroCodec().parse(new TextDecoder().decode(schemas.data));
    const found: Record<string, unknown>[] = [];
    for (let seq = 1; seq <= state.last_seq; seq++) {
      const { data } = await streams.getMessage("kflow-error", { seq });
      found.push(schema.decode(data.slice()));
    }
    await client.close();
    return found;
  }
});

async function schemaSubject(
  streams: { info(name: string, options: { subjects_filter: string }): Promise<unknown> },
): Promise<string | undefined> {
  const info = await streams.info("KV_kflow-state", { subjects_filter: ">" }) as {
    state: { subjects?: Record<string, number> };
  };
  return Object.keys(info.state.subjects ?? {}).find((name) => name.includes(".schema."));
}
