import { after, before, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Command } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { onServers } from "../../support/commands/on_servers.ts";

const FILE = fileURLToPath(new URL("../../pipeline/fixtures/autodownload.yaml", import.meta.url));

/** Fills the record of the document's schema: what was downloaded, and under which name. */
const DEMO = `
import { readFile } from "node:fs/promises";
import type { Context } from "kflow";

export default async function (record: { key: string }, ctx: Context) {
  if (!ctx.localPath?.startsWith("/tmp/mydir/")) throw new Error("not in /tmp/mydir: " + ctx.localPath);
  return { a: record.key, b: await readFile(ctx.localPath, "utf8") };
}
`;

onServers("the document's autodownload.yaml", (given) => {
  let folder: FlowFolder;
  let flow: string;

  before(async () => {
    await given.servers.makeBuckets("docs", "testjson");
    folder = await FlowFolder.make();
    await folder.write("demo.ts", DEMO);
    flow = `flow-${crypto.randomUUID().slice(0, 8)}`;
  });
  after(() => folder?.remove());

  function run(): Command {
    const { kflow, servers } = given;
    const { endpoint, user, password } = servers.minio;
    const args = ["run", FILE, "--module", `demo=${folder.file("demo.ts")}`];
    for (const task of ["list-s3-bucket", "s3"]) {
      args.push("--set", `dag.${task}.addr=${endpoint.replace("http://", "")}`);
      args.push("--set", `dag.${task}.user=${user}`, "--set", `dag.${task}.password=${password}`);
    }
    args.push("--set", "dag.list-s3-bucket.meta.poll.interval.ms=200");
    const env = { ...servers.natsEnvironment(servers.nats.wsUrl), KFLOW_FLOW_ID: flow };
    return kflow.start(args, { env });
  }

  function put(key: string, text: string): Promise<unknown> {
    return given.servers.store.put("docs", key, new TextEncoder().encode(text));
  }

  /** Waits until so many objects are stored; then `a` → `b` of each. */
  async function made(count: number): Promise<[string, string][]> {
    const { servers } = given;
    const deadline = Date.now() + 20_000;
    while ((await servers.keys("testjson")).length < count) {
      assert.ok(Date.now() < deadline, `${await servers.keys("testjson")}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const objects = [...(await servers.objects("testjson")).values()];
    const records = objects.map((body) => JSON.parse(new TextDecoder().decode(body)));
    return records.map(({ a, b }): [string, string] => [a, b]).sort();
  }

  it("without a module names the task that lacks code, and how to give it", async () => {
    const { status, stderr } = await given.kflow.run(["run", FILE]);
    assert.equal(status, 2);
    assert.match(stderr, /"demo" has no code to run; add module: .* or give --module demo=PATH\n$/);
  });

  it("runs unchanged on servers until it is stopped, late objects included", async () => {
    await put("one.txt", "first");
    await put("dir/två ü.txt", "second");
    const streaming = run();
    assert.deepEqual(await made(2), [["dir/två ü.txt", "second"], ["one.txt", "first"]]);
    await put("aaa.txt", "third");
    assert.equal((await made(3))[0]![1], "third");
    assert.equal(streaming.isOver, false);
    streaming.signal("SIGTERM");
    const { status, stdout, stderr } = await streaming.end(10_000);
    assert.equal(status, 0, stderr);
    assert.match(stdout, new RegExp(`^${flow}: stopped in `, "m"));
  });

  it("started again takes what came meanwhile, and nothing else", async () => {
    await put("meanwhile.txt", "fourth");
    await put("one.txt", "first, changed");
    const streaming = run();
    const all = await made(5);
    assert.deepEqual(all.filter(([a]) => a === "one.txt" || a === "meanwhile.txt"), [
      ["meanwhile.txt", "fourth"],
      ["one.txt", "first"],
      ["one.txt", "first, changed"],
    ]);
    streaming.signal("SIGINT");
    const { status, stdout } = await streaming.end(10_000);
    assert.equal(status, 0);
    assert.match(stdout, /^demo +2 +2 +0 +0 +0 /m);
  });

  it("prints no password", () => given.printedNoPassword());
});
