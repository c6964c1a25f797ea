import { after, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AckError, type Context, type Handler } from "../../../mod.ts";
import type { DrainReport } from "../../../src/handler/drain/drain.ts";
import { eventually, within } from "../../support/waiting.ts";
import { ask, Handlers, post } from "../../support/in_process/handlers.ts";
import { onServers } from "../../support/commands/on_servers.ts";

const NUMBER = { type: "record", name: "number", fields: [{ name: "value", type: "long" }] };

/** A record's work on a task under test. */
type Work = (record: { value: number }, ctx: Context) => unknown;

onServers("POST /drain", (given) => {
  const handlers = new Handlers();
  after(() => handlers.closeAll());

  /** Two tasks one after the other: the first only hands on, the second works. */
  async function flow(count: number, work: Work, { batch = false, meta = {} } = {}) {
    const id = `flow-${crypto.randomUUID().slice(0, 8)}`;
    const pipeline = {
      ...(batch && { mode: "batch" }),
      dag: [
        { id: "from", type: "raw-source", schema: NUMBER, out: ["first"] },
        { id: "first", type: "raw", schema: NUMBER, out: ["second"] },
        { id: "second", type: "raw", meta },
      ],
    };
    const first = (record: unknown) => record;
    const make = () =>
      handlers.make({
        pipeline,
        functions: { first, second: work },
        env: { ...given.servers.environment(), KFLOW_FLOW_ID: id },
      });
    const handler = make();
    await fill(handler, count);
    return { id, make, handler };
  }

  async function fill(handler: Handler, count: number): Promise<void> {
    if (count === 0) return;
    const json = Array.from({ length: count }, (_none, value) => ({ value }));
    const { status } = await ask(handler, post("/tasks/first?publish=true", { json }));
    assert.equal(status, 202);
  }

  async function drain(handler: Handler, query = "") {
    const response = await handler(post(`/drain${query}`));
    const report: DrainReport = await response.json();
    return { status: response.status, ...report };
  }

  it("processes waiting records, and answers how many by task and that none is left", async () => {
    const seen: number[] = [];
    const { handler } = await flow(50, ({ value }) => void seen.push(value));
    const { status, tasks, left } = await drain(handler);
    assert.equal(status, 200);
    assert.deepEqual(seen, Array.from({ length: 50 }, (_none, value) => value));
    assert.deepEqual(tasks.second, { in: 50, out: 0, errors: 0, dead: 0, handedBack: 0 });
    assert.equal(left, false);
    const again = await within(
      drain(handler, "?budget_ms=300000"),
      60_000,
      "end with nothing to do",
    );
    assert.equal(again.tasks.second?.in, 0);
  });

  it("takes no record that it cannot finish within its budget", async () => {
    const attempts: number[] = [];
    const { handler } = await flow(30, async (_record, ctx) => {
      attempts.push(ctx.delivery.attempt);
      await new Promise((resolve) => setTimeout(resolve, 100));
    });
    const first = await drain(handler, "?budget_ms=1000");
    assert.ok(first.left);
    const done = first.tasks.second!;
    assert.ok(done.in >= 1 && done.in <= 10, JSON.stringify(first));
    assert.equal(done.handedBack, 0);
    const second = await drain(handler, "?budget_ms=20000");
    assert.equal(second.left, false);
    assert.equal(done.in + second.tasks.second!.in, 30);
    assert.deepEqual(attempts, Array(30).fill(1), "no record was delivered and handed back");
  });

  it("takes no more than max, over all tasks together", async () => {
    const { handler } = await flow(10, () => undefined);
    const taken: number[] = [];
    let left = true;
    while (left) {
      const report = await drain(handler, "?max=4");
      left = report.left;
      taken.push(Object.values(report.tasks).reduce((sum, task) => sum + task.in, 0));
    }
    assert.deepEqual(taken, [4, 4, 2]);
  });

  it("nacks a record that exceeds the budget, whether its function stops or not", async () => {
    const calls: number[] = [];
    const { handler } = await flow(1, async (_record, ctx) => {
      calls.push(ctx.delivery.attempt);
      if (ctx.delivery.attempt === 1) await new Promise(() => {});
      if (ctx.delivery.attempt === 2) {
        await new Promise((_resolve, reject) =>
          ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))
        );
      }
    }, { meta: { "retry.delay.ms": 0 } });
    for (const attempt of [1, 2]) {
      const report = await drain(handler, "?budget_ms=400");
      assert.equal(report.left, true, `attempt ${attempt}`);
      assert.equal(report.tasks.second?.handedBack, 1);
    }
    const last = await drain(handler, "?budget_ms=5000");
    assert.equal(last.left, false);
    assert.deepEqual(calls, [1, 2, 3]);
  });

  it("settles failed records like any worker: given up, retried, a dead letter after its attempts", async () => {
    const { id, handler } = await flow(3, ({ value }) => {
      if (value === 0) throw new AckError("given up");
      if (value === 1) throw new Error("always");
    }, { batch: true, meta: { "retry.delay.ms": 1 } });
    let left = true;
    let errors = 0;
    let dead = 0;
    for (const until = Date.now() + 20_000; left && Date.now() < until;) {
      const report = await drain(handler);
      left = report.left;
      errors += report.tasks.second!.errors;
      dead += report.tasks.second!.dead;
    }
    assert.deepEqual([left, errors, dead], [false, 6, 1]);
    assert.equal((await given.servers.messages(`kflow-${id}-dead`)).length, 1);
  });

  it("shares the work between two handlers that drain at once", async () => {
    const seen: number[] = [];
    const { handler, make } = await flow(200, async ({ value }) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      seen.push(value);
    });
    const other = make();
    const reports = await Promise.all([drain(handler), drain(other)]);
    let left = reports.some((report) => report.left);
    for (let i = 0; left && i < 10; i++) ({ left } = await drain(handler));
    assert.equal(left, false);
    assert.deepEqual(
      seen.toSorted((a, b) => a - b),
      Array.from({ length: 200 }, (_none, value) => value),
    );
  });

  it("loses nothing when NATS becomes unreachable in the middle", async () => {
    const seen = new Set<number>();
    const { handler } = await flow(40, async ({ value }) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      seen.add(value);
    }, { meta: { "max.poll.interval.ms": 2_000 } });
    const running = drain(handler, "?budget_ms=1500");
    await eventually(() => seen.size >= 5, "some records");
    await given.servers.nats.kill();
    const broken = await running;
    assert.ok(broken.status === 503 || broken.left, JSON.stringify(broken));
    await given.servers.nats.restart();
    let report = await drain(handler);
    for (const until = Date.now() + 30_000; report.left !== false && Date.now() < until;) {
      report = await drain(handler, "?budget_ms=2000");
    }
    assert.equal(report.left, false);
    assert.equal(seen.size, 40);
  });

  it("answers 400 for invalid limits, 501 without a NATS server", async () => {
    const { handler } = await flow(0, () => undefined);
    for (const query of ["?max=0", "?max=x", "?budget_ms=-1", "?budget_ms=1e9", "?budget=5"]) {
      assert.equal((await drain(handler, query)).status, 400, query);
    }
    const alone = handlers.make({
      pipeline: {
        dag: [
          { id: "from", type: "raw-source", schema: NUMBER, out: ["show"] },
          { id: "show", type: "print" },
        ],
      },
    });
    assert.equal((await drain(alone)).status, 501);
  });

  it(
    "answers 503 while NATS is unreachable, and goes on when it is back",
    async () => {
      const { handler } = await flow(5, () => undefined);
      await given.servers.nats.kill();
      const away = await drain(handler, "?budget_ms=1000");
      assert.equal(away.status, 503);
      await given.servers.nats.restart();
      let report = await drain(handler);
      for (const until = Date.now() + 20_000; report.status !== 200 && Date.now() < until;) {
        report = await drain(handler);
      }
      assert.equal(report.tasks.second?.in, 5);
      assert.equal(report.left, false);
    },
  );
});
