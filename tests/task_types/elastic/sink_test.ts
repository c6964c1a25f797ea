import { afterEach, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { elasticSink, type ElasticTiming } from "../../../src/task_types/elastic/sink.ts";
import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { eventually } from "../../support/waiting.ts";
import {
  answerJson,
  documentsIn,
  type FakeElastic,
  type ItemStatus,
  startFakeElastic,
} from "../../support/servers/elastic_probes.ts";
import {
  type FlowOptions,
  type FlowResult,
  planOf,
  runFlow,
} from "../../support/in_process/flow.ts";
import { startTcpProxy } from "../../support/servers/tcp_proxy.ts";

const PASSWORD = "canary-31c7-elastic";
const BULK = "bulk.enabled: true, bulk.flush.timer: 20000, bulk.flush.size";
const MAPPING = {
  status: 400,
  error: {
    type: "mapper_parsing_exception",
    reason: "failed to parse field [n]",
    caused_by: { reason: 'For input string: "x"' },
  },
};
const BUSY = { status: 429, error: { type: "es_rejected_execution_exception", reason: "full" } };

interface Row {
  n: number | bigint;
  key: string;
}

function rows(count: number): Row[] {
  return Array.from({ length: count }, (_, n) => ({ n, key: `k${n}` }));
}

onBothBrokers("elastic-sink", (given) => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  async function elastic(fault?: Parameters<typeof startFakeElastic>[0]): Promise<FakeElastic> {
    const server = await startFakeElastic(fault);
    stops.push(server.stop);
    return server;
  }

  /** Runs `made` into an index of the server. No line that it logs may have the password. */
  async function flow(
    addr: string,
    options: {
      meta?: string;
      made?: unknown;
      timing?: ElasticTiming;
      user?: string;
      concurrency?: number;
    } & Partial<FlowOptions>,
  ): Promise<FlowResult> {
    const { meta = "", made = rows(3), timing, user, concurrency = 1, ...rest } = options;
    const yaml = `
mode: batch
name: ${given.flowId()}
globalConfig: {store: {addr: "memory:"}}
dag:
  - id: make
    type: raw-source
    module: ./make.ts
    out: [index]
    schema: '{"type":"record","name":"row","fields":[{"name":"n","type":"long"},{"name":"key","type":["null","string"]}]}'
  - {id: index, type: elastic-sink, addr: "${addr}", topics: tests, user: ${
      user ?? "elastic"
    }, password: "${PASSWORD}", meta: {retry.delay.ms: 1, ${meta}}}
`;
    const { tasks } = await planOf(yaml);
    const sink = () => elasticSink(tasks[1]!, timing);
    const result = await runFlow({
      yaml,
      broker: given.broker,
      functions: { make: made },
      tasks: timing && { index: { kind: "process", process: sink(), concurrency } },
      ...rest,
    });
    assert.ok(!JSON.stringify(result.logged).includes(PASSWORD));
    return result;
  }

  /** Statuses for these rows, 201 for the others. */
  const bad = (
    documents: { source: Record<string, unknown> }[],
    statuses: Record<number, ItemStatus>,
  ) => documents.map(({ source }) => statuses[source.n as number] ?? 201);
  const numbersIn = (request: { body: Uint8Array }) =>
    documentsIn(request as never).map(({ source }) => Number(source.n));
  const storedNumbers = (server: FakeElastic) =>
    [...server.stored.values()].map(({ n }) => Number(n)).sort((a, b) => a - b);
  const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);
  const waits = ({ logged }: FlowResult) =>
    logged.filter(({ message }) => /is away, trying again/.test(String(message)));

  function assertAllWritten(server: FakeElastic, { task }: FlowResult, count: number): void {
    assert.deepEqual(storedNumbers(server), upTo(count));
    assert.equal(task("index").counts.acked, count);
    assert.equal(task("index").counts.dead, 0);
  }

  it("writes a bulk in one request of NDJSON, with user, ids and create", async () => {
    const server = await elastic();
    const result = await flow(server.endpoint, { meta: `${BULK}: 10`, made: rows(10) });
    assertAllWritten(server, result, 10);
    const [request, ...more] = server.bulks;
    assert.equal(more.length, 0);
    assert.equal(request!.method, "POST");
    assert.match(request!.path, /^\/tests\/_bulk\?timeout=\d+s$/);
    assert.equal(request!.headers["content-type"], "application/x-ndjson");
    assert.equal(
      request!.headers.authorization,
      `Basic ${Buffer.from(`elastic:${PASSWORD}`).toString("base64")}`,
    );
    const documents = documentsIn(request!);
    assert.deepEqual(new Set(documents.map(({ operation }) => operation)), new Set(["create"]));
    assert.equal(new Set(documents.map(({ id }) => id)).size, 10);
    assert.deepEqual(documents[3]!.source, { n: 3, key: "k3" });
  });

  it("writes without bulk mode, several requests at once", async () => {
    let open = 0;
    let most = 0;
    const waiting: (() => void)[] = [];
    const server = await elastic(({ documents, response }) => {
      most = Math.max(most, ++open);
      waiting.push(() => {
        open--;
        const items = documents.map(({ id }) => ({ create: { _id: id, status: 201 } }));
        for (const { id, source } of documents) server.stored.set(id, source);
        answerJson(response, 200, { items });
      });
      // Nobody is answered before there are two, but for the last ones.
      if (open >= 2 || server.bulks.length > 15) { for (const go of waiting.splice(0)) go(); }
      return true;
    });
    const result = await flow(server.endpoint, { made: rows(20) });
    assertAllWritten(server, result, 20);
    assert.ok(most >= 2, `${most} at once`);
    assert.equal(server.bulks.length, 20);
  });

  it("sends a long beyond 2^53 as the number it is", async () => {
    const server = await elastic();
    await flow(server.endpoint, { made: [{ n: 9_007_199_254_740_993n, key: '"9"' }] });
    assert.equal(documentsIn(server.bulks[0]!)[0]!.text, '{"n":9007199254740993,"key":"\\"9\\""}');
  });

  it("takes a document that is there already for written, and writes it once", async () => {
    const server = await elastic(({ documents, number, response }) => {
      if (number > 0) return undefined;
      // It is stored, and nobody learns of it.
      for (const { id, source } of documents) server.stored.set(id, source);
      response.destroy();
      return true;
    });
    const result = await flow(server.endpoint, { meta: `${BULK}: 3` });
    assertAllWritten(server, result, 3);
    assert.equal(server.bulks.length, 2);
    assert.equal(result.task("index").counts.errors, 0);
    assert.deepEqual(numbersIn(server.bulks[0]!), numbersIn(server.bulks[1]!));
  });

  it("document.id names the document, and the newest record with it stays", async () => {
    const server = await elastic(({ documents, number }) =>
      number === 0 ? bad(documents, { 0: BUSY }) : undefined
    );
    const made = [{ n: 0, key: "a" }, { n: 1, key: "b" }, { n: 2, key: "a" }];
    await flow(server.endpoint, { meta: `document.id: "id-{key}", ${BULK}: 3`, made });
    assert.deepEqual(server.bulks.map(numbersIn), [[0, 1, 2], [0, 2]]);
    assert.deepEqual(documentsIn(server.bulks[0]!).map(({ operation }) => operation), [
      "index",
      "index",
      "index",
    ]);
    assert.deepEqual(
      Object.fromEntries([...server.stored].map(([id, { n }]) => [id, n])),
      { "id-a": 2, "id-b": 1 },
    );
  });

  it("document.op: create leaves what is there", async () => {
    const server = await elastic();
    const made = [{ n: 0, key: "a" }, { n: 1, key: "a" }];
    const meta = `document.id: "{key}", document.op: create`;
    const { task } = await flow(server.endpoint, { meta, made });
    assert.deepEqual(storedNumbers(server), [0]);
    assert.equal(task("index").counts.acked, 2);
  });

  it(
    "a record whose fields make no id is a dead letter, and the others are written",
    async () => {
      const server = await elastic();
      const made = [{ n: 0, key: "" }, { n: 1, key: "b" }, { n: 2, key: "x".repeat(513) }, {
        n: 3,
        key: null,
      }];
      const { task } = await flow(server.endpoint, {
        meta: `document.id: "{key}", ${BULK}: 4`,
        made,
      });
      assert.deepEqual(storedNumbers(server), [1]);
      const { deadLetters } = task("index");
      assert.deepEqual(deadLetters.map(({ attempts }) => attempts), [1, 1, 1]);
      const errors = deadLetters.map(({ error }) => error).join("\n");
      assert.match(errors, /as a document's id: it has 0 bytes/);
      assert.match(errors, /as a document's id: it has 513 bytes/);
      assert.match(errors, /Cannot fill the template "\{key\}": field "key" is null/);
    },
  );

  it("429 of some documents: only those are sent again, with the same ids", async () => {
    const server = await elastic(({ documents, number }) =>
      number < 2 ? bad(documents, { 1: BUSY, 4: { status: 503, error: "no shard" } }) : undefined
    );
    const result = await flow(server.endpoint, { meta: `${BULK}: 6`, made: rows(6) });
    assertAllWritten(server, result, 6);
    assert.deepEqual(server.bulks.map(numbersIn), [[0, 1, 2, 3, 4, 5], [1, 4], [1, 4]]);
    assert.equal(result.task("index").counts.errors, 0);
    const ids = server.bulks.map((bulk) =>
      documentsIn(bulk).find(({ source }) => source.n === 1)!.id
    );
    assert.equal(new Set(ids).size, 1);
  });

  it(
    "429 of one document for longer than the patience: it is held without an attempt, and the others go on",
    async () => {
      const server = await elastic(({ documents, number }) =>
        number < 2 ? bad(documents, { 1: BUSY }) : undefined
      );
      const result = await flow(server.endpoint, {
        meta: `max.attempts: 1, ${BULK}: 3`,
        timing: { patienceMs: 1, backoffMs: 5 },
      });
      assertAllWritten(server, result, 3);
      assert.deepEqual(server.bulks.map(numbersIn), [[0, 1, 2], [1], [1]]);
      assert.equal(result.task("index").counts.errors, 0);
      assert.match(
        String(waits(result)[0]!.reason),
        /429 \(es_rejected_execution_exception: full\)$/,
      );
    },
  );

  it(
    "400 of one document: it is a dead letter at once, and the others are written",
    async () => {
      const server = await elastic(({ documents }) => bad(documents, { 7: MAPPING }));
      const { task } = await flow(server.endpoint, { meta: `${BULK}: 10`, made: rows(10) });
      assert.deepEqual(storedNumbers(server), upTo(10).filter((n) => n !== 7));
      assert.equal(task("index").counts.acked, 10);
      const [letter, ...more] = task("index").deadLetters;
      assert.equal(more.length, 0);
      assert.equal(letter!.attempts, 1);
      assert.match(
        letter!.error,
        /^Cannot write to index "tests" at http:\S+: 400 \(mapper_parsing_exception: failed to parse field \[n\]: For input string: "x"\)$/,
      );
      assert.equal(server.bulks.length, 1);
    },
  );

  it("500 of one document: it alone is tried again by its attempts", async () => {
    const server = await elastic(({ documents }) => bad(documents, { 1: 500 }));
    const { task } = await flow(server.endpoint, {
      meta: `max.attempts: 2, ${BULK}: 3`,
      timing: { patienceMs: 20, backoffMs: 5 },
    });
    assert.deepEqual(storedNumbers(server), [0, 2]);
    assert.deepEqual(task("index").deadLetters.map(({ attempts }) => attempts), [2]);
  });

  it(
    "413: the request is halved, later ones are small at once, and what is too large alone is a dead letter",
    async () => {
      const server = await elastic(({ request, response }) => {
        if (request.body.length <= 1000) return undefined;
        response.writeHead(413).end();
        return true;
      });
      const made = rows(40);
      made[5]!.key = "x".repeat(2000);
      const { task } = await flow(server.endpoint, { meta: `${BULK}: 20`, made });
      assert.deepEqual(storedNumbers(server), upTo(40).filter((n) => n !== 5));
      assert.equal(task("index").counts.acked, 40);
      assert.equal(task("index").deadLetters.length, 1);
      assert.match(
        task("index").deadLetters[0]!.error,
        /2\d\d\d bytes are more than .*: 413; make the record smaller/,
      );
      const second = server.bulks.findIndex((bulk) => numbersIn(bulk).includes(20));
      const refusedLater = server.bulks.slice(second).filter(({ body }) => body.length > 1000);
      assert.ok(refusedLater.length <= 1, `${refusedLater.length} are refused`);
    },
  );

  it("400 of a whole request shows which document it was", async () => {
    const server = await elastic(({ documents, response }) => {
      if (!documents.some(({ source }) => source.n === 6)) return undefined;
      answerJson(response, 400, {
        error: { type: "illegal_argument_exception", reason: "Malformed" },
      });
      return true;
    });
    const { task } = await flow(server.endpoint, { meta: `${BULK}: 8`, made: rows(8) });
    assert.deepEqual(storedNumbers(server), upTo(8).filter((n) => n !== 6));
    assert.match(task("index").deadLetters[0]!.error, /illegal_argument_exception: Malformed/);
  });

  it(
    "what is refused in different ways at once is told apart, and nothing is lost",
    async () => {
      const server = await elastic(({ documents, number, response }) => {
        if (number === 0) return bad(documents, { 0: BUSY, 1: 403 });
        if (number > 1) return undefined;
        answerJson(response, 400, { error: "not this" });
        return true;
      });
      const { task } = await flow(server.endpoint, { meta: `${BULK}: 4`, made: rows(4) });
      assert.deepEqual(server.bulks.map(numbersIn), [[0, 1, 2, 3], [0], [1]]);
      assert.deepEqual(storedNumbers(server), [1, 2, 3]);
      assert.equal(task("index").counts.redelivered, 0);
      assert.match(task("index").deadLetters[0]!.error, /: 400 \(not this\)$/);
    },
  );

  it("requests that break again and again are made smaller", async () => {
    const server = await elastic(({ request, response }) => {
      if (request.body.length <= 1500) return undefined;
      response.writeHead(200, { "content-length": "1000" });
      response.write("{", () => response.destroy());
      return true;
    });
    const meta = `max.attempts: 1, ${BULK}: 30`;
    assertAllWritten(server, await flow(server.endpoint, { meta, made: rows(30) }), 30);
    const [first, second, third] = server.bulks.map(({ body }) => body.length);
    assert.equal(first, second);
    assert.ok(third! <= first! / 2 + 200);
  });

  type Fault = (response: ServerResponse, documents: number) => void;
  const WHOLE: Record<string, { fault: Fault; says: RegExp; timing?: ElasticTiming }> = {
    "429": {
      fault: (response) => answerJson(response, 429, { error: { type: "busy", reason: "later" } }),
      says: /it answered 429 \(busy: later\)/,
    },
    "503": {
      fault: (response) => void response.writeHead(503).end("<html>"),
      says: /it answered 503/,
    },
    "502 without a word": { fault: (response) => void response.writeHead(502).end(), says: /502/ },
    "no answer": {
      fault: () => {},
      says: /nothing from the server for 300 ms/,
      timing: { answerMs: 300 },
    },
    "an answer that stops in the middle": {
      fault: (response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.write('{"items":[');
      },
      says: /nothing from the server for 300 ms/,
      timing: { answerMs: 300 },
    },
    "an answer that breaks off": {
      fault: (response) => {
        response.writeHead(200, { "content-length": "1000" });
        response.write('{"items":[', () => response.destroy());
      },
      says: /cannot be reached/,
    },
    "200 that is no JSON": {
      fault: (response) => void response.writeHead(200).end("<html>Welcome</html>"),
      says: /its answer, 200, does not fit what it was asked/,
    },
    "an answer for fewer documents than were sent": {
      fault: (response, documents) =>
        answerJson(response, 200, {
          errors: false,
          items: Array.from({ length: documents - 1 }, () => ({ create: { status: 201 } })),
        }),
      says: /its answer, 200, does not fit what it was asked/,
    },
    "items without a status": {
      fault: (response, documents) =>
        answerJson(response, 200, { items: Array.from({ length: documents }, () => ({})) }),
      says: /does not fit what it was asked/,
    },
    "401": {
      fault: (response) => answerJson(response, 401, { error: "Unauthorized" }),
      says: /access is denied to user "elastic": 401 \(Unauthorized\); check user and password/,
    },
    "403": {
      fault: (response) => answerJson(response, 403, {}),
      says:
        /access to index "tests" is denied to user "elastic": 403; check user, password and the right/,
    },
    "a redirect": {
      fault: (response) =>
        void response.writeHead(307, { location: "http://127.0.0.2:1/elsewhere" }).end(),
      says: /redirects to http:\/\/127.0.0.2:1 \(307\), which is not followed/,
    },
  };
  for (const [what, { fault, says, timing }] of Object.entries(WHOLE)) {
    it(
      `${what}: the records are held, no attempt is used up, and all are written once it is over`,
      async () => {
        const server = await elastic(({ number, response, documents }) => {
          if (number > 0) return undefined;
          fault(response, documents.length);
          return true;
        });
        const result = await flow(server.endpoint, { meta: `max.attempts: 1, ${BULK}: 3`, timing });
        assertAllWritten(server, result, 3);
        assert.equal(result.task("index").counts.errors, 0);
        assert.equal(result.task("index").counts.redelivered, 0);
        assert.equal(server.bulks.length, 2);
        assert.match(String(waits(result)[0]!.reason), says);
      },
    );
  }

  it("403 of every document holds the records, without bulk mode too", async () => {
    const no = { status: 403, error: { type: "security_exception", reason: "no" } };
    const server = await elastic(({ documents, number }) =>
      number < 2 ? documents.map(() => no) : undefined
    );
    const result = await flow(server.endpoint, { meta: "max.attempts: 1", made: rows(1) });
    assertAllWritten(server, result, 1);
    assert.equal(result.task("index").counts.errors, 0);
    assert.match(
      String(waits(result)[0]!.reason),
      /403 \(security_exception: no\); check that the index/,
    );
  });

  it("waits as long as Retry-After says", async () => {
    const times: number[] = [];
    const server = await elastic(({ number, response }) => {
      times.push(performance.now());
      if (number > 0) return undefined;
      answerJson(response, 429, {}, { "retry-after": "3" });
      return true;
    });
    assertAllWritten(server, await flow(server.endpoint, { meta: `${BULK}: 3` }), 3);
    assert.ok(times[1]! - times[0]! >= 2990, `${times[1]! - times[0]!} ms`);
  });

  for (
    const [how, meta] of [
      ["in bulk mode", "bulk.enabled: true, bulk.flush.timer: 50, bulk.flush.size: 5"],
      ["without bulk mode", ""],
    ]
  ) {
    it(
      `a server that goes away and comes back gets every record once; heartbeats go on meanwhile, ${how}`,
      async () => {
        const server = await elastic();
        const proxy = await startTcpProxy(Number(new URL(server.endpoint).port));
        stops.push(proxy.stop);
        let progress: readonly TaskProgress[] = [];
        const result = await flow(`http://127.0.0.1:${proxy.port}`, {
          meta: `max.attempts: 1, max.poll.interval.ms: 1000, ${meta}`,
          made: async function* () {
            yield* rows(10);
            await eventually(() => server.stored.size === 10, "the first ten");
            await proxy.down();
            yield* rows(20).slice(10);
            await eventually(() => progress[1]!.counts.in > 10, "records in hand");
            // Three times the ack wait.
            await new Promise((resolve) => setTimeout(resolve, 3000));
            await proxy.up();
          },
          started: (tasks) => progress = tasks,
        });
        assertAllWritten(server, result, 20);
        assert.equal(result.task("index").counts.redelivered, 0);
        assert.match(
          String(waits(result)[0]!.reason),
          /cannot be reached: .*; check the address and that the server runs/,
        );
      },
    );
  }

  it("does not start with a wrong password, and says whose and where", async () => {
    const server = await startFaultAnswer(401);
    const error: Error & { transient?: boolean } = await flow(server.endpoint, {}).then(
      () => assert.fail("it started"),
      (error) => error,
    );
    assert.match(
      error.message,
      /^Cannot open task "index": http:\S+: access is denied to user "elastic": 401 \(bad\); check user and password$/,
    );
    assert.equal(error.transient, false);
    assert.ok(!error.message.includes(PASSWORD));
  });

  it("does not start where something else answers, or redirects", async () => {
    for (const [status, says] of [[404, /is this the address/], [302, /not followed/]] as const) {
      const server = await startFaultAnswer(status);
      await assert.rejects(flow(server.endpoint, {}), says);
    }
  });

  it("a server that does not answer at the start is one that may answer later", async () => {
    const server = await startFaultAnswer(503);
    const away = await elastic();
    await away.stop();
    for (
      const [addr, says] of [[server.endpoint, /it answered 503/], [
        away.endpoint,
        /cannot be reached/,
      ]] as const
    ) {
      await assert.rejects(flow(addr, {}), (error: Error & { transient?: boolean }) => {
        assert.match(error.message, says);
        assert.equal(error.transient, true);
        return true;
      });
    }
  });

  it("starts with a user who may write and may not ask who is there", async () => {
    const server = await elastic();
    const front = await startFaultAnswer(403, server);
    const result = await flow(front.endpoint, {});
    assertAllWritten(server, result, 3);
  });

  /** A server that gives every request the same answer; with `behind`, only those that are no `_bulk`. */
  async function startFaultAnswer(status: number, behind?: FakeElastic) {
    const { startFaultServer } = await import("../../support/servers/fault_server.ts");
    const server = await startFaultServer((request, response) => {
      if (behind === undefined || !request.path.includes("_bulk")) {
        return answerJson(response, status, { error: "bad" }, { location: "http://127.0.0.2:1/" });
      }
      void fetch(behind.endpoint + request.path, {
        method: "POST",
        body: new Uint8Array(request.body),
      }).then(async (answer) => answerJson(response, answer.status, await answer.json()));
    });
    stops.push(server.stop);
    return server;
  }
});
