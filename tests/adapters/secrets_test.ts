import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { type Command, CommandLine } from "../support/command.ts";
import { FlowFolder } from "../support/flow_folder.ts";
import { type MinioServer, startMinio } from "../support/minio_server.ts";
import { type NatsServer, startNats } from "../support/nats_server.ts";
import { newSecret } from "../support/run_record.ts";
import { makeBucket } from "../support/s3_requests.ts";
import { serverSkip } from "../support/server_binary.ts";

const SLOW = { timeout: 60_000 };
const MODULE = `
export default function ({ n }, ctx) {
  ctx.log.info("works", { n, store: ctx.store, meta: ctx.meta });
  if (n === 2) throw new Error("not this one");
  return { n };
}
`;
const SCHEMA = `'{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}'`;

/** Every way in which a file may hold a secret: NATS token, store password, credentials in the side stream's address. */
describe("secrets in the pipeline file", { skip: serverSkip("nats-server", "minio") }, () => {
  const kflow = new CommandLine();
  const token = newSecret();
  const sidePassword = newSecret();
  const wrong = newSecret();
  let nats: NatsServer;
  let side: NatsServer;
  let minio: MinioServer;
  let folder: FlowFolder;

  before(async () => {
    [nats, side, minio] = await Promise.all([
      startNats({ config: `authorization { token: "${token}" }` }),
      startNats({ user: "errors", password: sidePassword }),
      startMinio(),
    ]);
    await makeBucket(minio, "results");
    folder = await FlowFolder.make();
    await folder.write("make.ts", "export default [{ n: 1 }, { n: 2 }];");
    await folder.write("work.ts", MODULE);
  }, SLOW);
  after(async () => {
    await kflow.endAll();
    await Promise.all([nats?.stop(), side?.stop(), minio?.stop(), folder?.remove()]);
  });

  interface Values {
    token: string;
    storePassword: string;
    sidePassword: string;
    natsAddr: string;
    sideAddr: string;
    extra: string;
  }

  async function start(command: string, given: Partial<Values> = {}): Promise<Command> {
    const values: Values = {
      token,
      storePassword: minio.password,
      sidePassword,
      natsAddr: nats.tcpUrl,
      sideAddr: side.wsUrl,
      extra: "",
      ...given,
    };
    const flow = `flow-${crypto.randomUUID().slice(0, 8)}`;
    const file = await folder.write(
      `${flow}.yaml`,
      `
name: ${flow}
mode: batch
globalConfig:
  nats: {addr: "${values.natsAddr}", token: ${values.token}}
  store: {addr: "${minio.endpoint}", user: ${minio.user}, password: ${values.storePassword}}
  sideStream:
    enabled: true
    addr: "${values.sideAddr.replace("://", `://errors:${values.sidePassword}@`)}"
    errorTopics: ${flow}-errors.e
${values.extra}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [work], schema: ${SCHEMA}}
  - {id: work, type: raw, module: ./work.ts, out: [store], schema: ${SCHEMA}, meta: {max.attempts: 1}}
  - {id: store, type: s3-sink, topics: s3a://results}
`,
    );
    return kflow.start([command, file], {
      env: { KFLOW_RUNTIME_LOG_LEVEL: "DEBUG", KFLOW_CREATE_SIDESTREAM: "true" },
    });
  }

  async function endsWith(status: number, command: Command, pattern: RegExp): Promise<void> {
    const end = await command.end();
    assert.equal(end.status, status, end.stderr);
    assert.match(end.stdout + end.stderr, pattern);
    for (const secret of [token, sidePassword, minio.password, wrong]) {
      assert.ok(!command.output.includes(secret), "a secret was printed");
    }
  }

  it("are not printed by a run at DEBUG that has a dead letter", SLOW, async () => {
    await endsWith(3, await start("run"), /"Record is a dead letter"/);
  });

  it("are not printed by validate, which warns of them, and by graph", SLOW, async () => {
    await endsWith(0, await start("validate"), /literal token.*\n(.*\n)*.*literal password/);
    await endsWith(0, await start("graph"), /flowchart|graph/);
  });

  for (
    const [what, given, status, pattern] of [
      ["the wrong token", { token: wrong }, 1, /authorization violation/],
      ["the wrong store password", { storePassword: wrong }, 1, /access is denied/],
      ["the wrong side stream password", { sidePassword: wrong }, 1, /authorization violation/],
      ["a bad side stream address", { sideAddr: "nats://127.0.0.1:99999" }, 2, /bad port/],
      [
        "a NATS address of another kind",
        { natsAddr: "http://127.0.0.1:1" },
        2,
        /no address of a NATS server/,
      ],
      ["a key that there is not", { extra: `  passwort: ${wrong}` }, 2, /unknown key "passwort"/],
      ["YAML that is none", { extra: "  - {" }, 2, /yaml:\d+:\d+/],
    ] as const
  ) {
    it(`are not printed by a start with ${what}`, SLOW, async () => {
      await endsWith(status, await start("run", given), pattern);
    });
  }

  it("are not printed while a server is away", SLOW, async () => {
    const command = await start("run", { natsAddr: "nats://127.0.0.1:1" });
    await endsWith(1, command, /127\.0\.0\.1:1/);
  });
});
