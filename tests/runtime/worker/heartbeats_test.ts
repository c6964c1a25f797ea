import { after, before, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Host } from "../../../src/host.ts";
import type { Context } from "../../../src/api/context.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { eventually } from "../../support/waiting.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { type FlowOptions, type FlowResult, runFlow } from "../../support/in_process/flow.ts";
import { ownHost } from "../../support/in_process/own_host.ts";

const ACK_WAIT_MS = 1000;
/** The records before it are fast, so that the worker takes more than one at a time. */
const SLOW = 20;
const COUNT = 26;
const N = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';

interface Numbered {
  n: number;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Holds the thread. */
function compute(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Computes in a Worker for 3 s at one record. */
const COMPUTE = `
export default ({ n }, ctx) => {
  const end = performance.now() + (n === ${SLOW} ? 3000 : 0);
  while (performance.now() < end);
  ctx.log.info("computed", { n, attempt: ctx.delivery.attempt });
  return { n };
};
`;

onBothBrokers("heartbeats", (given) => {
  let folder: FlowFolder;
  let host: Pick<Host, "loadModule" | "startThread">;

  before(async () => {
    host = await ownHost();
    folder = await FlowFolder.make();
    await folder.write("compute.ts", COMPUTE);
  });
  after(() => folder.remove());

  /** Two tasks beside each other, each printed by one of its own. */
  function run(options: Partial<FlowOptions> & { a?: string; b?: string }): Promise<FlowResult> {
    const { a = "", b = "", ...rest } = options;
    return runFlow({
      yaml: `
mode: batch
name: ${given.flowId()}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [a, b], schema: '${N}'}
  - {id: a, type: raw, module: ${folder.file("compute.ts")}, out: [showA], schema: '${N}'${a}}
  - {id: b, type: raw, module: ./b.ts, out: [showB], schema: '${N}'${b}}
  - {id: showA, type: print}
  - {id: showB, type: raw, module: ./show.ts}
`,
      broker: given.broker,
      host,
      ...rest,
      functions: {
        make: Array.from({ length: COUNT }, (_, n) => ({ n })),
        b: () => {},
        showB: () => {},
        ...rest.functions,
      },
    });
  }

  const meta = (more = "") => `, meta: {max.poll.interval.ms: ${ACK_WAIT_MS}${more}}`;
  const LONG_RUNNING = ", env: {KFLOW_LONG_RUNNING_PROCESSING: true}";
  const all = Array.from({ length: COUNT }, (_, n) => n);
  const numbers = (printed: unknown[]) =>
    printed.map((line) => (line as Numbered).n).sort((one, other) => one - other);
  const warnings = ({ logged }: FlowResult) =>
    logged.filter(({ message }) => /held the thread/.test(String(message)));

  it(
    "prevent the redelivery of a call of three ack waits and of what waits behind it, only for the task whose env asks for them",
    async () => {
      const calls: Record<string, number[]> = { a: [], b: [] };
      const slow = async ({ n }: Numbered) => {
        calls.a!.push(n);
        if (n === SLOW) await pause(3 * ACK_WAIT_MS);
        return { n };
      };
      const comesAgain = async ({ n }: Numbered, ctx: Context) => {
        calls.b!.push(n);
        const again = () => calls.b!.filter((each) => each === SLOW).length > 1;
        if (n === SLOW && ctx.delivery.attempt === 1) await eventually(again, "second call");
        return { n };
      };
      const shownB: number[] = [];
      const { printed, task } = await run({
        a: meta() + LONG_RUNNING,
        // Each worker takes one at a time, so that the other is given what comes again.
        b: meta(", max.attempts: 20, max.in.flight: 1") + ", parallelism: 2",
        functions: {
          a: slow,
          b: comesAgain,
          showB: ({ n }: Numbered) => void shownB.push(n),
        },
      });
      assert.deepEqual(calls.a!.sort((one, other) => one - other), all);
      assert.equal(task("a").counts.redelivered, 0);
      assert.deepEqual(numbers(printed), all);
      assert.equal(task("b").counts.errors, 0);
      assert.ok(task("b").counts.redelivered > 0);
      assert.deepEqual(shownB.sort((one, other) => one - other), all);
      assert.equal(task("b").counts.dead, 0);
    },
  );

  it("are sent for every task if the environment asks for them", async () => {
    const calls: number[] = [];
    const { task } = await run({
      a: meta(),
      b: meta(),
      settings: { longRunning: true },
      functions: {
        a: async ({ n }: Numbered) => {
          calls.push(n);
          if (n === SLOW) await pause(3 * ACK_WAIT_MS);
        },
      },
    });
    assert.deepEqual(calls, all);
    assert.equal(task("a").counts.redelivered, 0);
  });

  it(
    "that a computing function blocks are reported once a minute with the remedy, and what is redelivered is stored once",
    async () => {
      let blocks = 0;
      const result = await run({
        a: meta(", max.attempts: 20") + LONG_RUNNING,
        functions: {
          a: ({ n }: Numbered) => {
            if (n >= SLOW && blocks < 2) {
              blocks++;
              compute(1.5 * ACK_WAIT_MS);
            }
            return { n };
          },
        },
      });
      const [warning, ...others] = warnings(result);
      assert.deepEqual(others, []);
      assert.equal(warning!.level, "WARNING");
      assert.equal(warning!.task, "a");
      assert.match(
        String(warning!.message),
        /^The function of task "a" held the thread for 1[5-9]\d\d ms, so that heartbeats were missed: set meta\.isolate to true, or /,
      );
      assert.equal(result.task("a").counts.blocked, 2);
      assert.equal(result.task("b").counts.blocked, 0);
      assert.deepEqual(numbers(result.printed), all);
      assert.equal(result.task("a").counts.dead, 0);
    },
  );

  it(
    "that are missed after a function has waited for something are reported too",
    async () => {
      const result = await run({
        a: meta(", max.attempts: 20"),
        functions: {
          a: async ({ n }: Numbered) => {
            await pause(1);
            if (n === 0) compute(ACK_WAIT_MS);
          },
        },
      });
      const [warning, ...others] = warnings(result);
      assert.deepEqual(others, []);
      assert.match(
        String(warning!.message),
        /^The function of task "a" held the thread for \d{3,4} ms/,
      );
    },
  );

  it(
    "that are missed because of another task are not blamed on a function that only waits",
    async () => {
      let isWaiting = false;
      const result = await run({
        a: meta(", max.attempts: 20") + LONG_RUNNING,
        b: meta(", max.attempts: 20"),
        functions: {
          a: async ({ n }: Numbered) => {
            if (n > 0) return;
            isWaiting = true;
            await pause(2 * ACK_WAIT_MS);
          },
          b: async ({ n }: Numbered, ctx: Context) => {
            if (n === COUNT - 1 && ctx.delivery.attempt === 1) {
              while (!isWaiting) await pause(5);
            }
          },
          showB: () => {},
        },
      });
      assert.deepEqual(warnings(result), []);
      const held = await run({
        a: meta(", max.attempts: 20") + LONG_RUNNING,
        b: meta(", max.attempts: 20"),
        functions: {
          a: async ({ n }: Numbered) => {
            if (n === 0) await pause(2 * ACK_WAIT_MS);
          },
          b: ({ n }: Numbered) => {
            if (n === 0) compute(ACK_WAIT_MS / 2);
          },
        },
      });
      assert.deepEqual(warnings(held).map(({ task }) => task), ["b"]);
    },
  );

  for (
    const [how, extra, env] of [
      ["because the task's env asks for it", "", LONG_RUNNING],
      ["because max.processing.ms bounds it", ", max.processing.ms: 20000", ""],
    ] as const
  ) {
    it(
      `go on while a function in a Worker computes, ${how}, and so do other tasks`,
      async () => {
        const result = await run({ a: meta(`, isolate: true${extra}`) + env });
        const computed = result.logged.filter(({ message }) => message === "computed");
        assert.deepEqual(computed.map(({ n }) => Number(n)), all);
        assert.ok(computed.every(({ attempt }) => attempt === 1));
        assert.equal(result.task("a").counts.redelivered, 0);
        // None of a thread that is held either, on which the other tasks could not go on.
        assert.deepEqual(warnings(result), []);
        assert.deepEqual(numbers(result.printed), all);
      },
    );
  }
});
