import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Broker } from "../../src/broker/broker.ts";
import { connectNats } from "../../src/broker/nats.ts";
import { runFlow } from "../support/flow.ts";
import { type NatsServer, startNats } from "../support/nats_server.ts";
import { quiet } from "../support/quiet_log.ts";
import { serverSkip } from "../support/server_binary.ts";

const LONG = { timeout: 60_000 };
const SCHEMA = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';

describe("records of a task that was renamed", { skip: serverSkip("nats-server") }, () => {
  let server: NatsServer;
  let broker: Broker;
  before(async () => {
    server = await startNats();
    broker = await connectNats({ url: server.wsUrl, kind: "websocket", log: quiet });
  }, LONG);
  after(async () => {
    await broker?.close();
    await server?.stop();
  });

  async function warnings(options: { task: string; run: string; only?: string[] }) {
    const { task, run, only } = options;
    const warned = Promise.withResolvers<Record<string, unknown>>();
    const work = async () => {
      if (task === "job") await warned.promise;
    };
    const { logged } = await runFlow({
      yaml: `
name: renamed
mode: batch
dag:
  - {id: make, type: raw-source, module: ./x.ts, schema: '${SCHEMA}', out: [${task}]}
  - {id: ${task}, type: raw, module: ./x.ts}
`,
      broker,
      run,
      only,
      told: (line) => {
        if (String(line.message).startsWith("Records wait for task")) warned.resolve(line);
      },
      functions: { make: [{ n: 1 }, { n: 2 }, { n: 3 }], [task]: work },
    });
    return logged.filter(({ message }) => /^Records wait for task/.test(String(message)));
  }

  it("are warned of with their number, until they are done", LONG, async () => {
    assert.deepEqual(await warnings({ task: "work", run: "one", only: ["make"] }), []);
    const [warning, ...more] = await warnings({ task: "job", run: "two" });
    assert.equal(more.length, 0);
    assert.equal(warning!.level, "WARNING");
    assert.match(
      String(warning!.message),
      /^Records wait for task "work", which the pipeline does not have/,
    );
    assert.deepEqual([warning!.stream, warning!.waiting], ["kflow-renamed-work", 3]);
  });
});
