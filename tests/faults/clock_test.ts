import { after, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { FlowFolder } from "../support/flow_folder.ts";
import { onServers } from "../support/on_servers.ts";
import { NUMBER, numbersFolder } from "./numbers_folder.ts";
import { judge, numbersIn } from "./oracle.ts";

const LONG = { timeout: 60_000 };
const COUNT = 120;
const MAIN = "tests/faults/clock_main.ts";

/** The clock jumps twice as far as an hour and back; some records fail once, and one takes longer than the ack wait. */
const WORK = `
export default async ({ n }, ctx) => {
  if (n % 10 === 5) setClock((n - 5) / 10 % 2 === 0 ? 1 : -1);
  if (n % 20 === 7 && ctx.delivery.attempt === 1) throw new Error("not yet");
  await new Promise((resolve) => setTimeout(resolve, n === 60 ? 2500 : 5));
  return { n };
};
`;

onServers("a clock that jumps by hours", (given) => {
  const folders: FlowFolder[] = [];
  after(async () => {
    for (const folder of folders) await folder.remove();
  });

  async function flowFolder(files: Record<string, string>): Promise<FlowFolder> {
    const folder = await numbersFolder(COUNT, files);
    folders.push(folder);
    return folder;
  }

  for (const way of ["on a NATS server", "embedded"] as const) {
    it(`loses and doubles nothing, and holds nothing up, ${way}`, LONG, async () => {
      const { servers, kflow } = given;
      const id = `clock-${crypto.randomUUID().slice(0, 8)}`;
      const folder = await flowFolder({
        "work.ts": WORK,
        "pipeline.yaml": `
mode: batch
name: ${id}
globalConfig: {store: {addr: "file:./results"}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${NUMBER}', out: [work]}
  - {id: work, type: raw, module: ./work.ts, schema: '${NUMBER}', out: [store], meta: {concurrency: 4, max.poll.interval.ms: 1000, retry.delay.ms: 100}}
  - {id: store, type: s3-sink, topics: s3a://numbers, format: ndjson, meta: {bulk.enabled: true, bulk.flush.size: 50, bulk.flush.timer: 200}}
`,
      });
      const onNats = way !== "embedded";
      const began = performance.now();
      const end = await kflow.start(["run", folder.file("pipeline.yaml")], {
        main: MAIN,
        env: {
          ...(onNats && servers.natsEnvironment(servers.nats.wsUrl)),
          KFLOW_LONG_RUNNING_PROCESSING: "true",
        },
      }).end(40_000);
      assert.equal(end.status, 0, end.stderr);
      assert.ok(performance.now() - began < 15_000, "it was held up");
      const files = [...(await folder.files("results")).values()];
      const lines = files.flatMap((bytes) => new TextDecoder().decode(bytes).trim().split("\n"));
      const stored = lines.map((line) => JSON.parse(line).n as number);
      const verdictOn = (outputs: number[]) =>
        judge({ outputs, deadLetters: [], givenUp: [] }, COUNT);
      const clean = { lost: [], doubled: [], torn: [] };
      assert.deepEqual(verdictOn(stored), clean);
      if (!onNats) return;
      assert.deepEqual(verdictOn(await numbersIn(servers, `kflow-${id}-store`)), clean);
      assert.deepEqual(await numbersIn(servers, `kflow-${id}-dead`), []);
    });
  }

  it("is named as what S3 denies access for", LONG, async () => {
    const { servers, kflow } = given;
    const folder = await flowFolder({
      "pipeline.yaml": `
mode: batch
name: clock-${crypto.randomUUID().slice(0, 8)}
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${NUMBER}', out: [store]}
  - {id: store, type: s3-sink, topics: s3a://numbers, meta: {max.attempts: 1}}
`,
    });
    await servers.makeBuckets("numbers");
    const { status, stderr } = await kflow.start(["run", folder.file("pipeline.yaml")], {
      main: MAIN,
      env: { ...servers.environment(), CLOCK_HOURS: "-1" },
    }).end();
    assert.equal(status, 1, stderr);
    assert.match(stderr, /this machine's clock .* and the server's .* are too far apart; set the/);
  });
});
