import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { CommandLine, RUNTIMES } from "../support/command.ts";
import { FlowFolder } from "../support/flow_folder.ts";
import { countsOf, loggedKeys } from "../support/quickstart.ts";
import { serverSkip } from "../support/server_binary.ts";
import { ServerFlow } from "../support/server_flow.ts";
import { TestServers } from "../support/test_servers.ts";

const SLOW = { timeout: 60_000 };

describe("kflow run, on servers", { skip: serverSkip("nats-server", "minio") }, () => {
  const kflow = new CommandLine();
  let servers: TestServers;
  let embedded: Map<string, Uint8Array>;

  before(async () => {
    servers = await TestServers.start();
    const folder = await FlowFolder.make("quickstart");
    await kflow.run(["run", folder.file("pipeline.yaml")]);
    embedded = await folder.files("data/results");
    await folder.remove();
    assert.equal(embedded.size, 32);
  }, SLOW);
  after(async () => {
    await kflow.endAll();
    await servers?.stop();
  });

  for (const way of ["ws", "tcp"] as const) {
    for (const runtime of RUNTIMES) {
      it(`gives the same objects byte for byte: ${runtime} over ${way}`, SLOW, async () => {
        const flow = await ServerFlow.make(kflow, servers);
        const { status, stdout, stderr } = await flow.run({ runtime, way }).end();
        assert.equal(status, 0, stderr);
        assert.deepEqual(await servers.objects(flow.results), embedded);
        assert.deepEqual(countsOf(stdout, "describe"), [32, 32, 0, 0, 0]);
        const expected = Object.keys(await flow.expected()).sort();
        assert.deepEqual(await flow.keysOnEdge("describe"), expected);
        assert.deepEqual(await flow.keysOnEdge("store"), expected);
        await flow.folder.remove();
      });
    }
  }

  it("takes each version of a document once, over several runs", SLOW, async () => {
    const flow = await ServerFlow.make(kflow, servers, "docs-changing");
    const { status, stderr } = await flow.run().end();
    assert.equal(status, 0, stderr);
    const second = await flow.run().end();
    assert.equal(second.status, 0);
    assert.deepEqual(countsOf(second.stdout, "describe"), [0, 0, 0, 0, 0]);

    const text = (content: string) => new TextEncoder().encode(content);
    await servers.store.put(flow.docs, "languages/english.txt", text("Now it is another text.\n"));
    await servers.store.put(flow.docs, "aaa first of all.txt", text("I come first.\n"));
    const third = await flow.run().end();
    assert.equal(third.status, 0);
    assert.deepEqual(loggedKeys(third.stderr, "begins"), [
      "aaa first of all.txt",
      "languages/english.txt",
    ]);
    await flow.folder.remove();
  });

  it("prints no password", () => {
    for (const secret of servers.secrets) assert.ok(!kflow.output.includes(secret));
  });
});
