import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { type Command, CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { type MinioServer, startMinio } from "../../support/servers/minio_server.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { newSecret } from "../../support/run_record.ts";
import { makeBucket } from "../../support/servers/s3_requests.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";
import { type SpanCollector, startSpanCollector } from "../../support/servers/span_collector.ts";

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
  });
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

  it("are not printed by a run at DEBUG that has a dead letter", async () => {
    await endsWith(3, await start("run"), /"Record is a dead letter"/);
  });

  it("are not printed by validate, which warns of them, and by graph", async () => {
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
    it(`are not printed by a start with ${what}`, async () => {
      await endsWith(status, await start("run", given), pattern);
    });
  }

  it("are not printed while a server is unreachable", async () => {
    const command = await start("run", { natsAddr: "nats://127.0.0.1:1" });
    await endsWith(1, command, /127\.0\.0\.1:1/);
  });
});

/** The same in files, as containers have them. */
describe("secrets in files that the environment names", {
  skip: serverSkip("nats-server", "minio"),
}, () => {
  const kflow = new CommandLine();
  const natsPassword = newSecret();
  const httpToken = newSecret();
  const header = newSecret();
  let nats: NatsServer;
  let minio: MinioServer;
  let collector: SpanCollector;
  let folder: FlowFolder;

  before(async () => {
    [nats, minio, collector] = await Promise.all([
      startNats({ user: "me", password: natsPassword }),
      startMinio(),
      startSpanCollector(),
    ]);
    await makeBucket(minio, "results");
    folder = await FlowFolder.make();
    await folder.write("make.ts", "export default [{ n: 1 }, { n: 2 }];");
    await folder.write("work.ts", "export default (record) => record;");
  });
  after(async () => {
    await kflow.endAll();
    await Promise.all([nats?.stop(), minio?.stop(), collector?.stop(), folder?.remove()]);
  });

  async function prepare(more: Record<string, string> = {}) {
    const flow = `flow-${crypto.randomUUID().slice(0, 8)}`;
    const values: Record<string, string> = {
      KFLOW_NATS_ADDR: nats.tcpUrl.replace("://", `://me:${natsPassword}@`),
      KFLOW_STORE_ADDR: minio.endpoint.replace("://", `://${minio.user}:${minio.password}@`),
      KFLOW_HTTP_TOKEN: httpToken,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: `x-key=${header}`,
      ...more,
    };
    const env: Record<string, string> = { KFLOW_RUNTIME_LOG_LEVEL: "DEBUG" };
    for (const [name, value] of Object.entries(values)) {
      env[`${name}_FILE`] = await folder.write(`${flow}-${name}`, `${value}\n`);
    }
    const file = await folder.write(
      `${flow}.yaml`,
      `
name: ${flow}
mode: batch
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [work], schema: ${SCHEMA}}
  - {id: work, type: raw, module: ./work.ts, out: [store], schema: ${SCHEMA}}
  - {id: store, type: s3-sink, topics: s3a://results}
`,
    );
    return { file, env };
  }

  function hidesAll(command: Command): void {
    for (const secret of [natsPassword, minio.password, httpToken, header]) {
      assert.ok(!command.output.includes(secret), "a secret was printed");
    }
  }

  async function endsWith(status: number, command: Command, pattern: RegExp): Promise<void> {
    const end = await command.end();
    assert.equal(end.status, status, end.stderr);
    assert.match(end.stdout + end.stderr, pattern);
    hidesAll(command);
  }

  it("let a run in everywhere, and are not printed", async () => {
    const { file, env } = await prepare();
    await endsWith(0, kflow.start(["run", file], { env }), /finished in/);
    assert.ok(collector.requests.some(({ headers }) => headers["x-key"] === header));
  });

  it("let workers in", async () => {
    const { file, env } = await prepare();
    const workers = ["make", "work", "store"].map((task) =>
      kflow.start(["worker", file, "--task", task], { env })
    );
    for (const worker of workers) await endsWith(0, worker, /Worker is finished/);
  });

  it("give serve its token, and let it drain", async () => {
    const { file, env } = await prepare();
    const server = kflow.start(["serve", file, "--port", "0", "--host", "127.0.0.1"], { env });
    await server.sees(/"Serving","flow":"[^"]*","port":\d+/);
    const [, port] = /"port":(\d+)/.exec(server.stderr)!;
    const drain = async (token: string) => {
      const headers = { Authorization: `Bearer ${token}` };
      const url = `http://127.0.0.1:${port}/drain?budget_ms=1000`;
      const answer = await fetch(url, { method: "POST", headers });
      await answer.body?.cancel();
      return answer.status;
    };
    assert.equal(await drain("wrong"), 401);
    assert.equal(await drain(httpToken), 200);
    server.signal("SIGTERM");
    await endsWith(0, server, /Serving/);
  });

  it(
    "that are missing, empty or given twice end run, worker and serve with status 2",
    async () => {
      const { file, env } = await prepare();
      const empty = await folder.write("empty", "\n");
      for (const args of [["run", file], ["worker", file, "--task", "work"], ["serve", file]]) {
        for (
          const [more, pattern] of [
            [
              { KFLOW_HTTP_TOKEN_FILE: folder.file("gone") },
              /KFLOW_HTTP_TOKEN_FILE: cannot read ".*gone" \(ENOENT\)/,
            ],
            [{ KFLOW_HTTP_TOKEN_FILE: empty }, /KFLOW_HTTP_TOKEN_FILE: ".*empty" is empty/],
            [{ KFLOW_HTTP_TOKEN: httpToken }, /KFLOW_HTTP_TOKEN_FILE: KFLOW_HTTP_TOKEN is set too/],
          ] as const
        ) await endsWith(2, kflow.start(args, { env: { ...env, ...more } }), pattern);
      }
    },
  );

  it("that do not fit are not quoted", async () => {
    for (
      const more of [
        ["KFLOW_NATS_ADDR", `nats://me:${natsPassword}`],
        ["KFLOW_STORE_ADDR", `https://me:${natsPassword}@host/path`],
        ["OTEL_EXPORTER_OTLP_ENDPOINT", `https://me:${natsPassword}@host`],
        ["OTEL_EXPORTER_OTLP_HEADERS", natsPassword],
      ]
    ) {
      const { file, env } = await prepare(
        Object.fromEntries([more]),
      );
      await endsWith(2, kflow.start(["validate", file], { env }), /^environment [A-Z_]+: /m);
    }
  });

  it("on the command line in the wrong place are not printed", async () => {
    const { file, env } = await prepare();
    for (
      const args of [
        [`--password=${httpToken}`],
        ["--set", "globalConfig.nats.token", httpToken],
        ["--set", `globalConfig.nats.token:${httpToken}`],
      ]
    ) await endsWith(2, kflow.start(["validate", file, ...args], { env }), /error|has no value/);
  });
});
