import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { CommandOptions } from "../support/commands/command.ts";
import type { FlowFolder } from "../support/commands/flow_folder.ts";
import { onServers } from "../support/commands/on_servers.ts";
import { serverBinary, serverSkip } from "../support/servers/server_binary.ts";
import { NUMBER, numbersFolder } from "./numbers_folder.ts";
import { judge, numbersIn } from "./oracle.ts";

const COUNT = 120;
/** For modules of a pipeline: sets the clock of the process or of the machine. */
const SET_CLOCK = `
import { writeFileSync } from "node:fs";
import process from "node:process";

const setClock = globalThis.setClock ?? ((hours) => writeFileSync(process.env.FAKETIME_TIMESTAMP_FILE, hours + "h"));
`;
/** The clock jumps by an hour and by two, to and fro; some records fail once, and one takes longer than the ack wait. */
const WORK = `${SET_CLOCK}
export default async ({ n }, ctx) => {
  if (n % 10 === 5) {
    const before = Date.now();
    setClock((n - 5) / 10 % 2 === 0 ? "+1" : "-1");
    if (Math.abs(Date.now() - before) < 3_000_000) throw new Error("the clock stands where it stood");
  }
  if (n % 20 === 7 && ctx.delivery.attempt === 1) throw new Error("not yet");
  await new Promise((resolve) => setTimeout(resolve, n === 60 ? 2500 : 5));
  return { n };
};
`;

/** The clock is an hour early until the sink has found out. */
const SKEW = `${SET_CLOCK}
export default async ({ n }) => {
  if (n === 20) {
    setClock("+1");
    setTimeout(() => setClock("+0"), 3000);
  }
  return { n };
};
`;

interface Clock {
  readonly whose: string;
  readonly skip: string | false;
  /** How kflow is started to have it. */
  with(folder: FlowFolder, hours: "+0" | "-1"): Promise<Pick<CommandOptions, "main" | "env">>;
}

const CLOCKS: readonly Clock[] = [
  {
    whose: "the process's clock",
    skip: false,
    with: (_folder, hours) =>
      Promise.resolve({ main: "tests/faults/clock_main.ts", env: { CLOCK_HOURS: hours } }),
  },
  {
    // Of all that is in the process, its runtime too. What tells how much time has passed goes on as it did, as it does where somebody sets the clock of a machine.
    whose: "the machine's clock",
    skip: serverSkip("libfaketime"),
    with: async (folder, hours) => ({
      env: {
        LD_PRELOAD: serverBinary("libfaketime"),
        FAKETIME_TIMESTAMP_FILE: await folder.write("clock", hours + "h"),
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      },
    }),
  },
];

onServers("a clock that is hours wrong", (given) => {
  const folders: FlowFolder[] = [];
  after(async () => {
    for (const folder of folders) await folder.remove();
  });

  async function flowFolder(files: Record<string, string>): Promise<FlowFolder> {
    const folder = await numbersFolder(COUNT, files);
    folders.push(folder);
    return folder;
  }

  for (const clock of CLOCKS) {
    describe(clock.whose, { skip: clock.skip }, () => {
      for (const way of ["on a NATS server", "embedded"] as const) {
        it(`may jump: nothing is lost, doubled or held up, ${way}`, async () => {
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
          const { main, env } = await clock.with(folder, "+0");
          const end = await kflow.start(["run", folder.file("pipeline.yaml")], {
            main,
            env: {
              ...env,
              ...(onNats && servers.natsEnvironment(servers.nats.wsUrl)),
              KFLOW_LONG_RUNNING_PROCESSING: "true",
            },
          }).end(40_000);
          assert.equal(end.status, 0, end.stderr);
          const files = [...(await folder.files("results")).values()];
          const lines = files.flatMap((bytes) =>
            new TextDecoder().decode(bytes).trim().split("\n")
          );
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

      it("is waited out by a sink on S3, with its records in hand", async () => {
        const { servers, kflow } = given;
        const id = `clock-${crypto.randomUUID().slice(0, 8)}`;
        const folder = await flowFolder({
          "work.ts": SKEW,
          "pipeline.yaml": `
mode: batch
name: ${id}
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${NUMBER}', out: [work]}
  - {id: work, type: raw, module: ./work.ts, schema: '${NUMBER}', out: [store]}
  - {id: store, type: s3-sink, topics: s3a://${id}, meta: {max.attempts: 1, key: "{n}"}}
`,
        });
        await servers.makeBuckets(id);
        const { main, env } = await clock.with(folder, "+0");
        const { status, stderr } = await kflow.start(["run", folder.file("pipeline.yaml")], {
          main,
          env: { ...servers.environment(), ...env },
        }).end();
        assert.equal(status, 0, stderr);
        assert.match(stderr, /The store lets nobody in, .* too far apart; set the clock/);
        assert.equal((await servers.objects(id)).size, COUNT);
      });

      it("is named as what S3 denies access for", async () => {
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
        if (!await servers.hasBucket("numbers")) await servers.makeBuckets("numbers");
        const { main, env } = await clock.with(folder, "-1");
        const { status, stderr } = await kflow.start(["run", folder.file("pipeline.yaml")], {
          main,
          env: { ...servers.environment(), ...env },
        }).end();
        assert.equal(status, 1, stderr);
        assert.match(
          stderr,
          /this machine's clock .* and the server's .* are too far apart; set the/,
        );
      });
    });
  }
});
