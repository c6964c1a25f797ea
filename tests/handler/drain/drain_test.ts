import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createApp } from "../../../src/app/app.ts";
import type { App } from "../../../src/app/app_options.ts";
import type { Broker } from "../../../src/broker/broker.ts";
import { FlowNames } from "../../../src/broker/subjects.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { Drains } from "../../../src/handler/drain/drain.ts";
import { fetchHost } from "../../../src/handler/fetch_host.ts";
import { HandlerMetrics } from "../../../src/handler/handler_metrics.ts";
import type { Context } from "../../../src/api/context.ts";
import { queueOf } from "../../../src/runtime/run/queues.ts";
import { SCHEMA_HEADER, Schemas } from "../../../src/runtime/records/schemas.ts";
import { toTaskCode } from "../../../src/api/task_code.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { publish } from "../../support/in_process/broker_probes.ts";
import { planOf } from "../../support/in_process/flow.ts";
import { quiet } from "../../support/in_process/quiet_log.ts";

const NUMBER = '{"type":"record","name":"number","fields":[{"name":"value","type":"long"}]}';

type Work = (record: { value: number }, ctx: Context) => unknown;

/** A flow of one task, with so many records that wait for it. */
async function flow(
  given: { broker: Broker; flowId(): string },
  { count, work, meta = "{}" }: { count: number; work: Work; meta?: string },
) {
  const { broker } = given;
  const plan = await planOf(`
name: ${given.flowId()}
dag:
  - {id: from, type: raw-source, module: ./from.ts, schema: '${NUMBER}', out: [work]}
  - {id: work, type: raw, module: ./work.ts, meta: ${meta}}
`);
  const names = new FlowNames(plan.flowId);
  const task = plan.tasks.find(({ id }) => id === "work")!;
  await broker.ensureQueues([queueOf(task, names, 1 << 20)]);
  const codec = new AvroCodec();
  const schemas = new Schemas({ codec, state: broker.state, flow: plan.flowId });
  const schema = await schemas.register(NUMBER);
  const publisher = broker.publisher();
  for (let value = 0; value < count; value++) {
    await publish(publisher, {
      subject: names.edge("work", "from"),
      id: `m${value}`,
      body: schema.encode({ value }),
      headers: { [SCHEMA_HEADER]: schema.fingerprint },
    });
  }
  publisher.close();
  const app: App = await createApp({
    plan,
    host: fetchHost(() => undefined),
    log: quiet,
    // The app closes its broker; this one is for other tests too.
    broker: new Proxy(broker, {
      get: (target, name) => {
        if (name === "close") return () => Promise.resolve();
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
    code: new Map([["work", () => toTaskCode(work)]]),
  });
  const metrics = new HandlerMetrics(plan.flowId, { version: "0", platform: "test" });
  const drains = new Drains({ app, plan, tasks: [task], metrics, log: quiet });
  return {
    metrics: () => metrics.page().then((page) => page.text()),
    drain: (budgetMs: number, max = Infinity) =>
      drains.run(broker, { max, until: performance.now() + budgetMs }),
    stop: () => drains.stop(),
    [Symbol.asyncDispose]: () => app.close(),
  };
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

onBothBrokers("a drain", (given) => {
  it("processes all waiting records in order, and counts each once however often it is called", async () => {
    const seen: number[] = [];
    await using tested = await flow(given, {
      count: 300,
      work: ({ value }) => void seen.push(value),
    });
    const first = await tested.drain(10_000);
    assert.equal(first.left, false);
    assert.equal(first.tasks.work?.in, 300);
    assert.deepEqual(seen, Array.from({ length: 300 }, (_none, value) => value));
    const second = await tested.drain(10_000);
    assert.deepEqual([second.left, second.tasks.work?.in], [false, 0]);
    assert.match(await tested.metrics(), /^kflow_acked_total\{[^}]*function="work"\} 300$/m);
  });

  it("takes only the records that it can finish in time", async () => {
    const attempts: number[] = [];
    await using tested = await flow(given, {
      count: 12,
      async work(_record, ctx) {
        attempts.push(ctx.delivery.attempt);
        // Of what a drain may take, a fifth is left for a machine that is busy with other things.
        await pause(300);
      },
    });
    let taken = 0;
    let rounds = 0;
    for (let left = true; left && rounds < 30; rounds++) {
      const report = await tested.drain(1_500);
      assert.equal(report.tasks.work?.handedBack, 0);
      taken += report.tasks.work!.in;
      left = report.left;
    }
    assert.equal(taken, 12);
    assert.ok(rounds > 2, `${rounds} rounds`);
    assert.deepEqual(attempts, Array(12).fill(1));
  });

  it("works on as many at once as the task allows", async () => {
    let running = 0;
    let most = 0;
    await using tested = await flow(given, {
      count: 40,
      meta: "{concurrency: 8}",
      async work() {
        most = Math.max(most, ++running);
        await pause(20);
        running--;
      },
    });
    const report = await tested.drain(10_000);
    assert.equal(report.tasks.work?.in, 40);
    assert.equal(most, 8);
  });

  it("nacks a record at once that exceeds the budget, so that another can take it", async () => {
    const attempts: number[] = [];
    await using tested = await flow(given, {
      count: 1,
      async work(_record, ctx) {
        attempts.push(ctx.delivery.attempt);
        if (ctx.delivery.attempt === 1) await new Promise(() => {});
      },
    });
    const over = await tested.drain(300);
    assert.deepEqual([over.left, over.tasks.work?.handedBack], [true, 1]);
    const next = await tested.drain(5_000);
    assert.deepEqual([next.left, next.tasks.work?.in], [false, 1]);
    assert.deepEqual(attempts, [1, 2]);
  });

  it("starts no record after its budget, even one that it took before a slow record", async () => {
    const begun: number[] = [];
    const slow = Promise.withResolvers<void>();
    await using tested = await flow(given, {
      count: 60,
      async work({ value }, ctx) {
        begun.push(value);
        if (value === 40 && ctx.delivery.attempt === 1) await slow.promise;
      },
    });
    const report = await tested.drain(400);
    assert.equal(report.left, true);
    assert.deepEqual(begun, Array.from({ length: 41 }, (_none, value) => value));
    slow.resolve();
    await pause(100);
    assert.equal(begun.length, 41);
    const rest = await tested.drain(10_000);
    assert.equal(rest.left, false);
    assert.deepEqual(new Set(begun).size, 60);
    assert.equal(begun.length, 61);
  });

  it("ends soon when it is stopped, and finishes the running records", async () => {
    let finished = 0;
    await using tested = await flow(given, {
      count: 100,
      async work() {
        await pause(30);
        finished++;
      },
    });
    const running = tested.drain(60_000);
    while (finished < 3) await pause(5);
    tested.stop();
    const report = await running;
    assert.equal(report.left, true);
    assert.ok(finished < 80, `${finished} are worked off`);
    assert.equal(report.tasks.work?.in, finished);
    assert.equal(report.tasks.work?.handedBack, 0);
  });
});
