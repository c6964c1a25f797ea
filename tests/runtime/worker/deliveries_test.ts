import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Broker, Publisher } from "../../../src/broker/broker.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import type { Context, OpenContext } from "../../../src/api/context.ts";
import type { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { publish, receiveOne } from "../../support/in_process/broker_probes.ts";
import { eventually, within } from "../../support/waiting.ts";
import { type FlowOptions, runFlow } from "../../support/in_process/flow.ts";

const SCHEMA = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';

interface Numbered {
  n: number;
}

function numbers(count: number): Numbered[] {
  return Array.from({ length: count }, (_, n) => ({ n }));
}

/** An object with some of its members replaced. */
function like<T extends object>(original: T, instead: Partial<T>): T {
  return new Proxy(original, {
    get(target, name) {
      if (Reflect.has(instead, name)) return Reflect.get(instead, name);
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
}

/** The broker, with the confirmations of one task's input held back until `release()`. */
function withholding(broker: Broker, task: string) {
  const held: (() => void)[] = [];
  let isOpen = false;
  const withheld = (inner: Publisher) =>
    like(inner, {
      publish: (message, receipt) =>
        inner.publish(message, {
          stored: (duplicate) => {
            const tell = () => receipt.stored(duplicate);
            if (isOpen || !message.subject.includes(`.${task}.`)) tell();
            else held.push(tell);
          },
          failed: (error) => receipt.failed(error),
        }),
    });
  return {
    broker: like(broker, { publisher: (options) => withheld(broker.publisher(options)) }),
    held,
    release() {
      isOpen = true;
      for (const tell of held.splice(0)) tell();
    },
  };
}

onBothBrokers("deliveries", (given) => {
  function flow(
    options: Partial<FlowOptions> & {
      name?: string;
      mode?: string;
      meta?: string;
      task?: string;
    },
  ) {
    const { name = given.flowId(), mode = "mode: batch", meta = "", task = "", ...rest } = options;
    return runFlow({
      yaml: `
${mode}
name: ${name}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [work], schema: '${SCHEMA}'}
  - {id: work, type: raw, module: ./work.ts, out: [show], schema: '${SCHEMA}', meta: {retry.delay.ms: 1${meta}}${task}}
  - {id: show, type: print}
`,
      broker: given.broker,
      ...rest,
    });
  }

  it("are acknowledged once what came of them is stored, and not before", async () => {
    const { broker, held, release } = withholding(given.broker, "show");
    let work: TaskProgress | undefined;
    const running = flow({
      broker,
      functions: { make: numbers(5), work: (record: Numbered) => record },
      started: (tasks) => work = tasks.find(({ task }) => task === "work"),
    });
    await eventually(() => held.length === 5, "five confirmations on their way");
    assert.equal(work!.counts.out, 5);
    assert.equal(work!.counts.acked, 0);
    release();
    const { printed } = await running;
    assert.equal(work!.counts.acked, 5);
    assert.equal(printed.length, 5);
  });

  it(
    "that are not acknowledged within max.poll.interval.ms are redelivered, and store their outputs once",
    async () => {
      const attempts: number[] = [];
      const second = Promise.withResolvers<void>();
      const { printed, task } = await flow({
        meta: ", max.poll.interval.ms: 1000",
        task: ", parallelism: 2",
        functions: {
          make: numbers(1),
          async work(record: Numbered, ctx: Context) {
            attempts.push(ctx.delivery.attempt);
            if (ctx.delivery.attempt === 2) second.resolve();
            await within(second.promise, 20_000, "second attempt");
            return record;
          },
        },
      });
      assert.deepEqual(attempts, [1, 2]);
      assert.equal(task("work").counts.errors, 0);
      assert.deepEqual(printed, [{ n: 0 }]);
    },
  );

  it("have the ack wait that the file says at the next start", async () => {
    const name = given.flowId();
    const stop = new AbortController();
    await flow({
      name,
      run: "one",
      meta: ", max.poll.interval.ms: 60000",
      stop: stop.signal,
      functions: { make: numbers(1), work: () => stop.abort() },
    });
    const attempts: number[] = [];
    const second = Promise.withResolvers<void>();
    const { task } = await flow({
      name,
      run: "two",
      meta: ", max.poll.interval.ms: 1000",
      task: ", parallelism: 2",
      functions: {
        make: numbers(1),
        async work(_record: Numbered, ctx: Context) {
          attempts.push(ctx.delivery.attempt);
          if (ctx.delivery.attempt === 2) second.resolve();
          await within(second.promise, 20_000, "second attempt");
        },
      },
    });
    assert.deepEqual(attempts, [1, 2]);
    assert.equal(task("work").counts.errors, 0);
  });

  it("have two minutes unless the file says otherwise", async () => {
    const waits: number[] = [];
    const broker = like(given.broker, {
      consume(group) {
        waits.push(group.ackWaitMs);
        return given.broker.consume(group);
      },
    });
    const functions = { make: numbers(1), work: () => {} };
    await flow({ broker, functions });
    await flow({ broker, functions, meta: ", max.poll.interval.ms: 20000" });
    assert.deepEqual(waits.toSorted(), [120_000, 120_000, 120_000, 20_000]);
  });

  it(
    "that were made max.attempts times without an answer end as dead letters, without another call",
    async () => {
      const name = given.flowId();
      const queue = {
        stream: `kflow-${name}-work`,
        subjects: `kflow.${name}.work.>`,
        maxBytes: 1 << 20,
        duplicateWindowMs: 600_000,
      };
      const place = { queue, group: `${name}-work`, ackWaitMs: 120_000, maxAckPending: 100 };
      await given.broker.ensureQueues([queue]);
      const publisher = given.broker.publisher();
      const message = { subject: `kflow.${name}.work.make`, id: "a", body: new Uint8Array([14]) };
      assert.equal(await publish(publisher, message), "stored");
      publisher.close();
      const consumer = await given.broker.consume(place);
      for (const attempt of [1, 2]) {
        const delivery = await receiveOne(consumer);
        assert.equal(delivery.attempt, attempt);
        if (attempt === 2) consumer.stop();
        consumer.nak(delivery);
      }
      await consumer.close();

      const notices: string[] = [];
      const { task } = await flow({
        name,
        meta: ", max.attempts: 2",
        functions: { make: [], work: () => assert.fail("called once more") },
        deadLetters: {
          place: "here",
          put: (_delivery, { attempts, error }) =>
            Promise.resolve(void notices.push(`${attempts}: ${error}`)),
        },
      });
      assert.deepEqual(notices, ["3: The message was delivered too often without an answer"]);
      assert.equal(task("work").counts.dead, 1);
    },
  );

  it(
    "are shared by as many workers as parallelism says, each with a function of its own",
    async () => {
      const made: object[] = [];
      const called = new Set<object>();
      const all = Promise.withResolvers<void>();
      await flow({
        task: ", parallelism: 3",
        functions: {
          make: numbers(12),
          work: class {
            constructor() {
              made.push(this);
            }
            async process() {
              called.add(this);
              if (called.size === 3) all.resolve();
              await within(all.promise, 20_000, "call in each of three workers");
            }
          },
        },
      });
      assert.equal(called.size, 3);
      assert.equal(made.length, 3);
    },
  );

  it(
    "belong to the group that groupId names, else to one of the flow and the task",
    async () => {
      for (const groupId of [undefined, `group-${crypto.randomUUID().slice(0, 8)}`]) {
        const name = given.flowId();
        await flow({
          name,
          task: groupId === undefined ? "" : `, groupId: ${groupId}`,
          functions: { make: numbers(3), work: () => {} },
        });
        const group = groupId ?? `${name}-work`;
        const state = await given.broker.queueState(`kflow-${name}-work`, group);
        assert.equal(state?.ackFloor, 3);
        assert.equal(await given.broker.queueState(`kflow-${name}-work`, "other"), undefined);
      }
    },
  );

  for (const mode of ["", "mode: batch"]) {
    const name = mode === ""
      ? "without a mode go on until the flow is stopped"
      : "of a batch end with its last record, and so does the flow";
    it(
      name,
      async () => {
        const stop = new AbortController();
        const more = Promise.withResolvers<void>();
        let tasks: readonly TaskProgress[] = [];
        const running = flow({
          mode,
          stop: stop.signal,
          started: (progress) => tasks = progress,
          functions: {
            async *make() {
              yield* numbers(2);
              await more.promise;
              yield { n: 2 };
            },
            work: (record: Numbered) => record,
          },
        });
        const shown = () => tasks.find(({ task }) => task === "show")?.counts.acked;
        await eventually(() => shown() === 2, "two records at the end");
        more.resolve();
        await eventually(() => shown() === 3, "the third record at the end");
        if (mode === "") {
          assert.equal(await stillRunsFor(running, 300), true);
          stop.abort();
        }
        const { report, printed } = await running;
        assert.equal(report.finished, mode !== "");
        assert.deepEqual(printed, [{ n: 0 }, { n: 1 }, { n: 2 }]);
      },
    );
  }

  it("go to every task in out, and join those of several producers", async () => {
    const { printed } = await runFlow({
      yaml: `
mode: batch
name: ${given.flowId()}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [one, two], schema: '${SCHEMA}'}
  - {id: one, type: raw, module: ./one.ts, out: [show], schema: '${SCHEMA}'}
  - {id: two, type: raw, module: ./two.ts, out: [show], schema: '${SCHEMA}'}
  - {id: show, type: print}
`,
      broker: given.broker,
      functions: {
        make: numbers(3),
        one: ({ n }: Numbered) => ({ n: n + 10 }),
        two: ({ n }: Numbered) => ({ n: n + 20 }),
      },
    });
    const seen = printed.map((line) => (line as Numbered).n).toSorted();
    assert.deepEqual(seen, [10, 11, 12, 20, 21, 22]);
  });

  it("carry records of the schema that a function declares, else of the file's", async () => {
    const declared = '{"type":"record","name":"m","fields":[{"name":"mynumber","type":"long"}]}';
    const { printed } = await flow({
      functions: {
        make: numbers(2),
        work: {
          open(ctx: OpenContext) {
            assert.deepEqual(Object.keys(ctx.schemaIn), ["make"]);
            assert.deepEqual(new AvroCodec().parse(ctx.schemaIn.make).decode(new Uint8Array([2])), {
              n: 1,
            });
            ctx.schemaOut = declared;
          },
          process: ({ n }: Numbered) => ({ mynumber: n + 2 ** 40 }),
        },
      },
    });
    assert.deepEqual(printed, [{ mynumber: 2 ** 40 }, { mynumber: 2 ** 40 + 1 }]);
  });
});

/** Whether it has not ended after so many ms. */
async function stillRunsFor(running: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new Promise<boolean>((resolve) => setTimeout(() => resolve(true), ms));
  return await Promise.race([running.then(() => false), timer]);
}
