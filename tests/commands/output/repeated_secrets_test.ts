import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { ServerResponse } from "node:http";
import { createServer } from "node:net";
import { connect } from "nats";
import { secretForms } from "../../../tools/secret_forms.ts";
import { type Command, CommandLine } from "../../support/commands/command.ts";
import { answerJson, documentsIn } from "../../support/servers/elastic_probes.ts";
import {
  type FaultRequest,
  type FaultServer,
  startFaultServer,
} from "../../support/servers/fault_server.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { freePort } from "../../support/servers/free_port.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { newSecret } from "../../support/run_record.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";
import { storedText } from "../../support/servers/stored_text.ts";

const SCHEMA =
  `'{"type":"record","name":"n","fields":[{"name":"bucket","type":"string"},{"name":"key","type":"string"}]}'`;
/** Letters that look different in each way of writing. */
const HARD = ` +/%"<&ü`;

type Answer = (request: FaultRequest, response: ServerResponse) => void;

/** Servers that say in their errors what they were told, and what they know, in every way in which it may be written. */
describe("credentials that a server repeats", { skip: serverSkip("nats-server") }, () => {
  const kflow = new CommandLine();
  const token = newSecret();
  const passwords = {
    store: newSecret() + HARD,
    elastic: newSecret() + HARD,
    collector: newSecret(),
    nats: newSecret(),
  };
  const answers: Record<"store" | "elastic" | "collector", Answer> = {
    store: fine,
    elastic: fine,
    collector: fine,
  };
  const servers: FaultServer[] = [];
  let nats: NatsServer;
  let folder: FlowFolder;

  before(async () => {
    nats = await startNats({ config: `authorization { token: "${token}" }` });
    for (const name of ["store", "elastic", "collector"] as const) {
      servers.push(await startFaultServer((request, response) => answers[name](request, response)));
    }
    folder = await FlowFolder.make();
    await folder.write("make.ts", `export default [{ bucket: "docs", key: "a.txt" }];`);
    await folder.write("pass.ts", `export default (record) => record;`);
  });
  after(async () => {
    await kflow.endAll();
    await Promise.all([nats?.stop(), folder?.remove(), ...servers.map((each) => each.stop())]);
  });

  function fine(request: FaultRequest, response: ServerResponse): void {
    if (request.path.includes("_bulk")) {
      const items = documentsIn(request).map(({ id }) => ({ create: { _id: id, status: 201 } }));
      return answerJson(response, 200, { errors: false, items });
    }
    if (request.path.includes("docs/")) return void response.end("text");
    answerJson(response, 200, { version: { number: "8.0.0" } });
  }

  /** Everything that the request said, and the password itself in all ways. */
  function repeated(request: FaultRequest, password: string): string {
    return `no: ${secretForms(password).join(" ")} ${JSON.stringify(request.headers)}`;
  }

  const json = (status: number, password: string): Answer => (request, response) => {
    const error = { type: "refused", reason: repeated(request, password) };
    answerJson(response, status, { error });
  };
  const elastic = (status: number) => json(status, passwords.elastic);
  const item = (status: number): Answer => (request, response) => {
    if (!request.path.includes("_bulk")) return fine(request, response);
    const error = { type: "refused", reason: repeated(request, passwords.elastic) };
    const items = documentsIn(request).map(({ id }) => ({ create: { _id: id, status, error } }));
    answerJson(response, 200, { errors: true, items });
  };
  const bulk = (status: number): Answer => (request, response) =>
    (request.path.includes("_bulk") ? elastic(status) : fine)(request, response);
  const store = (status: number, code?: string): Answer => (request, response) => {
    const text = repeated(request, passwords.store).replaceAll("&", "&amp;").replaceAll(
      "<",
      "&lt;",
    );
    response.writeHead(status, { "content-type": "application/xml" });
    response.end(`<Error><Code>${code ?? text}</Code><Message>${text}</Message></Error>`);
  };

  async function start(given: Partial<typeof answers>): Promise<Command & { port: number }> {
    Object.assign(answers, { store: fine, elastic: fine, collector: fine }, given);
    const [storeServer, elasticServer, collector] = servers;
    const flow = `flow-${crypto.randomUUID().slice(0, 8)}`;
    const port = await freePort();
    const file = await folder.write(
      `${flow}.yaml`,
      `
name: ${flow}
mode: batch
globalConfig:
  nats: {addr: "${nats.tcpUrl}", token: "\${NATS_TOKEN}"}
  store: {addr: "${storeServer!.endpoint}", user: somebody, password: "\${STORE_PASSWORD}"}
  sideStream: {enabled: true, errorTopics: ${flow}-errors.e}
metrics: {enabled: true, port: ${port}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [fetch], schema: ${SCHEMA}}
  - id: fetch
    type: raw
    module: ./pass.ts
    out: [index]
    schema: ${SCHEMA}
    globalConfig: {store: {autoDownload: true, buckets: ["*"]}}
    meta: {max.attempts: 1}
  - id: index
    type: elastic-sink
    addr: "${elasticServer!.endpoint}"
    topics: texts
    user: somebody
    password: "\${ELASTIC_PASSWORD}"
    meta: {max.attempts: 1, max.poll.interval.ms: 2000}
`,
    );
    const command = kflow.start(["run", file, "--report", folder.file(`${flow}.json`)], {
      env: {
        NATS_TOKEN: token,
        STORE_PASSWORD: passwords.store,
        ELASTIC_PASSWORD: passwords.elastic,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector!.endpoint,
        OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${passwords.collector}`,
        KFLOW_RUNTIME_LOG_LEVEL: "DEBUG",
        KFLOW_CREATE_SIDESTREAM: "true",
      },
    });
    return Object.assign(command, { port });
  }

  function isNowhereIn(text: string, what: string): void {
    for (const [name, secret] of [...Object.entries(passwords), ["token", token] as const]) {
      for (const [at, form] of secretForms(secret).entries()) {
        assert.ok(!text.includes(form), `${name}, form ${at}, is in ${what}`);
      }
    }
  }

  /** In what was printed, what is stored, and the report. */
  async function isNowhere(command: Command): Promise<void> {
    isNowhereIn(command.output, "the output");
    for (const { headers } of servers.flatMap(({ requests }) => requests)) {
      const [, signature] = /Signature=(\w+)/.exec(headers.authorization ?? "") ?? [];
      assert.ok(signature === undefined || !command.output.includes(signature), "a signature");
    }
    const client = await connect({ servers: nats.tcpUrl, token });
    try {
      const stored = await storedText(client);
      assert.match(stored, /KV_kflow-state/);
      if (/dead letter/.test(command.output)) assert.match(stored, /^kflow-\S+-dead /m);
      isNowhereIn(stored, "a stream");
    } finally {
      await client.close();
    }
    for (const [name, bytes] of await folder.files()) {
      if (name.endsWith(".json")) isNowhereIn(Buffer.from(bytes).toString("latin1"), name);
    }
  }

  for (
    const [what, given, pattern] of [
      ["Elasticsearch, that lets nobody in", { elastic: elastic(401) }, /access is denied/],
      ["Elasticsearch, that forbids the index", { elastic: elastic(400) }, /does not fit/],
      ["Elasticsearch, of a document", { elastic: item(400) }, /is a dead letter/],
      ["Elasticsearch, of a request", { elastic: bulk(400) }, /is a dead letter/],
      ["Elasticsearch, of a request that is too large", { elastic: bulk(413) }, /dead letter/],
      ["Elasticsearch, that is overloaded", { elastic: bulk(503) }, /is away/],
      ["Elasticsearch, that forbids writing", { elastic: bulk(403) }, /is away/],
      ["S3, that denies access", { store: store(403) }, /access is denied/],
      ["S3, with another code", { store: store(400, "Other") }, /server answered 400/],
      ["S3, with a code that is none", { store: store(400) }, /server answered 400/],
      ["S3, that cannot", { store: store(501, "NotImplemented") }, /server answered 501/],
      ["S3, elsewhere", { store: redirecting }, /redirects/],
      ["a collector", { collector: json(400, passwords.collector) }, /Cannot send spans/],
      ["a collector that takes a part", { collector: partly }, /Cannot send spans/],
    ] as const
  ) {
    it(`are in no place that is kept or shown: ${what}`, async () => {
      const command = await start(given);
      await command.sees(pattern);
      for (const path of ["metrics", "readyz", "livez"]) {
        // Where the run is over already there is nobody to ask.
        const text = await fetch(`http://127.0.0.1:${command.port}/${path}`)
          .then((page) => page.text()).catch(() => "");
        isNowhereIn(text, path);
      }
      command.signal("SIGTERM");
      await command.end();
      assert.match(command.output, /\*\*\*/);
      await isNowhere(command);
    });
  }

  function redirecting(request: FaultRequest, response: ServerResponse): void {
    const location = `http://x:${encodeURIComponent(passwords.store)}@127.0.0.1:1/?${
      encodeURIComponent(repeated(request, passwords.store))
    }`;
    const region = passwords.store;
    response.writeHead(301, { location, "x-amz-bucket-region": region }).end();
  }

  function partly(request: FaultRequest, response: ServerResponse): void {
    const partialSuccess = {
      rejectedSpans: 1,
      errorMessage: repeated(request, passwords.collector),
    };
    answerJson(response, 200, { partialSuccess });
  }

  it("are not printed when a NATS server repeats what it was told", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.write(`INFO {"server_id":"x","version":"2.10.0","max_payload":1000,"proto":1}\r\n`);
      let told = "";
      socket.on("data", (bytes: Uint8Array) => {
        told += Buffer.from(bytes).toString();
        if (told.endsWith("PING\r\n")) socket.write("PONG\r\n");
        // Its first request is whether there is JetStream.
        const [, sid] = /SUB _INBOX\S+ (\d+)\r\n/.exec(told) ?? [];
        const [, inbox] = /PUB \$JS\.API\.INFO (\S+) 0\r\n/.exec(told) ?? [];
        if (sid === undefined || inbox === undefined) return;
        const description = `no: ${told} ${secretForms(passwords.nats).join(" ")}`;
        const answer = JSON.stringify({ error: { code: 400, err_code: 1, description } });
        socket.write(`MSG ${inbox} ${sid} ${answer.length}\r\n${answer}\r\n`);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    const file = await folder.write(
      "repeating.yaml",
      `
mode: batch
globalConfig: {store: {addr: "memory:"}, nats: {addr: "nats://somebody:\${NATS_PASSWORD}@127.0.0.1:${address.port}"}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [end], schema: ${SCHEMA}}
  - {id: end, type: print}
`,
    );
    try {
      const command = kflow.start(["run", file], {
        env: { NATS_PASSWORD: passwords.nats, KFLOW_RUNTIME_LOG_LEVEL: "DEBUG" },
      });
      const { status, stderr } = await command.end();
      assert.equal(status, 1);
      assert.match(stderr, /Cannot use NATS at "nats:\/\/127\.0\.0\.1[^]*"pass":"\*\*\*"/);
      isNowhereIn(command.output, "the output");
    } finally {
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  });

  for (const scheme of ["nats", "ws", "wss"] as const) {
    it(`are not printed when nothing answers at a ${scheme} address with them`, async () => {
      const port = scheme === "wss" ? nats.wsPort : await freePort();
      const command = kflow.start(["run", "examples/quickstart/pipeline.yaml"], {
        env: {
          KFLOW_NATS_ADDR: `${scheme}://somebody:${passwords.nats}@127.0.0.1:${port}`,
          KFLOW_RUNTIME_LOG_LEVEL: "DEBUG",
        },
      });
      const { status, stderr } = await command.end();
      assert.equal(status, 1, stderr);
      assert.match(stderr, /Cannot connect to NATS at/);
      isNowhereIn(command.output, "the output");
    });
  }
});
