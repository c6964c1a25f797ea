import { after, before, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Host } from "../../src/host.ts";
import { onBothBrokers } from "../support/in_process/both_brokers.ts";
import { eventually } from "../support/waiting.ts";
import { FlowFolder } from "../support/commands/flow_folder.ts";
import { type FlowOptions, type FlowResult, runFlow } from "../support/in_process/flow.ts";
import { ownHost } from "../support/in_process/own_host.ts";

/** Longer than a good call takes on a busy machine, its new Worker included. */
const LIMIT_MS = 3_000;
const N =
  '{"type":"record","name":"n","fields":[{"name":"n","type":"int"},{"name":"opens","type":"int"}]}';

/** Does with record 1 what the test says; the others it hands on. `opens` is 1 in each new Worker. */
const moduleOf = (bad: string) => `
import process from "node:process";
import { writeFileSync } from "node:fs";

export default class {
  #opens = 0;
  open(ctx) { this.#opens++; this.limit = ctx.meta.getInteger("bad.until", 99); }
  async process({ n }, ctx) {
    if (n === 1 && ctx.delivery.attempt < this.limit) {
      ${bad}
    }
    if (ctx.meta.get("slow") === true) await new Promise((resolve) => setTimeout(resolve, 20));
    return { n, opens: this.#opens };
  }
}
`;

const BAD: readonly (readonly [what: string, code: string, error: RegExp])[] = [
  [
    "computes for ever",
    "for (;;);",
    /^The function of task "work" took longer than meta\.max\.processing\.ms allows \(3000 ms\): its Worker was ended$/,
  ],
  [
    "never answers",
    "await new Promise(() => {});",
    /^The function of task "work" took longer than meta\.max\.processing\.ms allows \(3000 ms\)/,
  ],
  [
    "ends the process",
    "process.exit(7); for (;;);",
    /^The Worker of task "work" has ended: it called exit\(7\)$/,
  ],
  [
    "throws where nobody catches it",
    'setTimeout(() => { throw new RangeError("outside"); }); await new Promise(() => {});',
    /^The Worker of task "work" has ended: RangeError: outside$/,
  ],
  [
    "leaves a rejection unhandled",
    'void Promise.reject(new RangeError("forgotten")); await new Promise(() => {});',
    /^The Worker of task "work" has ended: RangeError: forgotten$/,
  ],
];

onBothBrokers("a Worker that ends", (given) => {
  let folder: FlowFolder;
  let host: Pick<Host, "loadModule" | "startThread">;
  let started = 0;

  before(async () => {
    const own = await ownHost();
    host = {
      ...own,
      startThread(events) {
        started++;
        return own.startThread(events);
      },
    };
    folder = await FlowFolder.make();
  });
  after(() => folder.remove());

  async function run(
    code: string,
    options: Partial<FlowOptions> & { meta?: string; limit?: number } = {},
  ): Promise<FlowResult> {
    const { meta = "", limit = LIMIT_MS, ...rest } = options;
    const module = await folder.write(`${crypto.randomUUID()}.ts`, code);
    started = 0;
    return await runFlow({
      yaml: `
mode: batch
name: ${given.flowId()}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [work], schema: '${N}'}
  - id: work
    type: raw
    module: ${module}
    meta: {isolate: true, retry.delay.ms: 1, max.attempts: 2, max.processing.ms: ${limit}${meta}}
    out: [show]
    schema: '${N}'
  - {id: show, type: print}
`,
      broker: given.broker,
      host,
      functions: { make: [0, 1, 2, 3, 4, 5].map((n) => ({ n, opens: 0 })) },
      ...rest,
    });
  }

  const numbers = (printed: unknown[]) => printed.map((line) => (line as { n: number }).n).sort();

  for (const [what, code, error] of BAD) {
    it(
      `because a record ${what} fails this record alone, and another is opened for the others`,
      async () => {
        const { printed, task } = await run(moduleOf(code));
        assert.deepEqual(numbers(printed), [0, 2, 3, 4, 5]);
        assert.deepEqual(
          new Set(printed.map((line) => (line as { opens: number }).opens)),
          new Set([1]),
        );
        const [letter, ...others] = task("work").deadLetters;
        assert.deepEqual(others, []);
        assert.match(letter!.error, error);
        assert.equal(letter!.attempts, 2);
        assert.equal(task("work").counts.errors, 2);
        assert.ok(started >= 2 && started <= 3, `${started} Workers were started`);
      },
    );
  }

  it(
    "is replaced with backoff between the attempts, and the record may succeed later",
    async () => {
      const { printed, task } = await run(moduleOf("process.exit(1);"), { meta: ", bad.until: 2" });
      assert.deepEqual(numbers(printed), [0, 1, 2, 3, 4, 5]);
      assert.equal(task("work").counts.errors, 1);
      assert.equal(task("work").counts.dead, 0);
    },
  );

  for (const [what, code] of [BAD[0]!, BAD[2]!]) {
    it(
      `with several calls in it because one ${what} costs the others no attempt`,
      async () => {
        const { printed, task } = await run(moduleOf(code), {
          meta: ", concurrency: 6, slow: true",
        });
        assert.deepEqual(numbers(printed), [0, 2, 3, 4, 5]);
        const { counts, deadLetters } = task("work");
        assert.deepEqual(deadLetters.map(({ record, error }) => `${record} ${error}`).slice(1), []);
        assert.equal(deadLetters[0]!.record, '{"n":1,"opens":0}');
        assert.equal(counts.errors, 2, "only the attempts of the one count");
        assert.equal(counts.redelivered, 1);
      },
    );
  }

  it("while nothing is called is replaced by the next call", async () => {
    const { printed, task } = await run(
      `
export default {
  process({ n }) {
    if (n === 2) setTimeout(() => { throw new Error("late"); }, 0);
    return { n, opens: 1 };
  },
};`,
      {
        functions: {
          make: async function* () {
            for (let n = 0; n < 6; n++) {
              yield { n, opens: 0 };
              if (n === 2) await eventually(() => started > 0, "a Worker");
              if (n === 2) await new Promise((resolve) => setTimeout(resolve, 50));
            }
          },
        },
      },
    );
    assert.deepEqual(numbers(printed), [0, 1, 2, 3, 4, 5]);
    assert.equal(task("work").counts.dead, 0);
  });

  it("in open() ends the task with the reason", async () => {
    await assert.rejects(
      run("export default { open() { process.exit(3); }, process() {} };"),
      /^StartError: Cannot open task "work": The Worker of task "work" has ended: it called exit\(3\)$/,
    );
  });

  it("is closed at the end of the input, with the time limit for close() too", async () => {
    const { report, logged } = await run(
      "export default { process: ({ n }) => ({ n, opens: 0 }), close() { for (;;); } };",
    );
    assert.deepEqual(report.tasks.flatMap(({ failures }) => failures), [
      'Cannot close task "work": The function of task "work" took longer than meta.max.processing.ms allows (3000 ms): its Worker was ended',
    ]);
    assert.equal(logged.filter(({ level }) => level === "ERROR").length, 1);
  });
});
