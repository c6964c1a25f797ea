import { before, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { RUNTIMES } from "../../support/runtimes.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { onServers } from "../../support/commands/on_servers.ts";
import { countsOf, loggedKeys } from "../../support/commands/quickstart.ts";

onServers("kflow run, on servers", (given) => {
  let embedded: Map<string, Uint8Array>;

  before(async () => {
    const folder = await FlowFolder.make("quickstart");
    await given.kflow.run(["run", folder.file("pipeline.yaml")]);
    embedded = await folder.files("data/results");
    await folder.remove();
    assert.equal(embedded.size, 32);
  });

  for (const way of ["ws", "tcp"] as const) {
    for (const runtime of RUNTIMES) {
      it(`gives the same objects byte for byte: ${runtime} over ${way}`, async () => {
        const flow = await given.newFlow();
        const { status, stdout, stderr } = await flow.run({ runtime, way }).end();
        assert.equal(status, 0, stderr);
        assert.deepEqual(await given.servers.objects(flow.results), embedded);
        assert.deepEqual(countsOf(stdout, "describe"), [32, 32, 0, 0, 0]);
        const expected = await flow.expectedKeys();
        assert.deepEqual(await flow.keysOnEdge("describe"), expected);
        assert.deepEqual(await flow.keysOnEdge("store"), expected);
      });
    }
  }

  it("takes each version of a document once, over several runs", async () => {
    const flow = await given.newFlow("docs-changing");
    const { status, stderr } = await flow.run().end();
    assert.equal(status, 0, stderr);
    const second = await flow.run().end();
    assert.equal(second.status, 0);
    assert.deepEqual(countsOf(second.stdout, "describe"), [0, 0, 0, 0, 0]);

    const text = (content: string) => new TextEncoder().encode(content);
    const { store } = given.servers;
    await store.put(flow.docs, "languages/english.txt", text("Now it is another text.\n"));
    await store.put(flow.docs, "aaa first of all.txt", text("I come first.\n"));
    const third = await flow.run().end();
    assert.equal(third.status, 0);
    assert.deepEqual(loggedKeys(third.stderr, "begins"), [
      "aaa first of all.txt",
      "languages/english.txt",
    ]);
  });

  it("prints no password", () => given.printedNoPassword());
});
