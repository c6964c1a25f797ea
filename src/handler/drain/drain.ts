import type { App } from "../../app/app_options.ts";
import type { Broker, QueueState } from "../../broker/broker.ts";
import { FlowNames } from "../../broker/subjects.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { Meta } from "../../pipeline/plan/meta.ts";
import type { Plan, TaskPlan } from "../../pipeline/plan/plan.ts";
import { maxAttemptsOf } from "../../pipeline/plan/delivery_meta.ts";
import { waitAtMost } from "../../base/time/waiting.ts";
import { DrainBroker } from "./drain_broker.ts";
import { DrainBudget, type DrainConsumer } from "./drain_consumer.ts";
import type { HandlerMetrics } from "../handler_metrics.ts";
import { unavailable } from "../lazy_nats.ts";
import { Pace } from "./processing_estimate.ts";

export interface DrainOptions {
  app: App;
  plan: Plan;
  tasks: readonly TaskPlan[];
  metrics: HandlerMetrics;
  log: Logger;
}

/** What a drain has done, by task. */
export interface DrainedTask {
  readonly in: number;
  readonly out: number;
  readonly errors: number;
  readonly dead: number;
  readonly handedBack: number;
}

export interface DrainReport {
  readonly tasks: Readonly<Record<string, DrainedTask>>;
  /** Whether records wait, here or at another worker. */
  readonly left: boolean;
  readonly milliseconds: number;
}

const LOOK_MS = 20;
/** Records that others hold, or that wait for another attempt, are not waited for longer. */
const QUIET_MS = 300;
/** A question that takes longer is asked again. */
const ANSWER_MS = 500;
/** For the confirmation of what is handed back, and then for functions that heed their signal. */
const END_MS = 500;
const LAST_MS = 100;

/** Works off what waits for some tasks, within a number of records and a time. */
export class Drains {
  readonly #options: DrainOptions;
  readonly #names: FlowNames;
  readonly #tasks: readonly TaskPlan[];
  readonly #paces = new Map<string, Pace>();
  readonly #budgets = new Set<DrainBudget>();

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#names = new FlowNames(options.plan.flowId);
    this.#tasks = options.tasks.map((task) => drained(task, options.plan));
  }

  /**
   * @param limits.until `performance.now()` at the end of the budget.
   * @throws why a task cannot be worked on.
   */
  async run(broker: Broker, limits: { max: number; until: number }): Promise<DrainReport> {
    const { app, plan, metrics } = this.#options;
    const startedAt = performance.now();
    const budget = new DrainBudget(limits);
    this.#budgets.add(budget);
    const within = new DrainBroker(broker, { budget, paceOf: (stream) => this.#paceOf(stream) });
    const stop = new AbortController();
    const kill = new AbortController();
    const counted = metrics.session(...this.#tasks);
    let failure: { error: unknown } | undefined;
    let isOver = false;
    const running = app.run({
      plan: { ...plan, mode: "streaming" },
      tasks: this.#tasks,
      run: crypto.randomUUID(),
      broker: within,
      workers: 1,
      // At a stop either nothing is taken, or there is no time for it.
      finishMs: 0,
      stop: stop.signal,
      kill: kill.signal,
      exporter: counted,
      started: (progress) => counted.progress = progress,
    }).then(() => {}, (error) => void (failure = { error })).finally(() => {
      isOver = true;
      this.#budgets.delete(budget);
      counted.end();
    });
    await this.#feed(within, { budget, running, isOver: () => isOver });
    stop.abort();
    await waitAtMost(running, Math.max(0, budget.until - performance.now()));
    if (!isOver) await expire(within, kill);
    await waitAtMost(running, LAST_MS);
    for (const pace of this.#paces.values()) pace.fade();
    if (failure !== undefined) throw failure.error;
    if (counted.progress.length === 0) throw unavailable("The broker does not answer in time");
    const tasks = counted.progress.map(({ task, counts }) => {
      const { in: begun, out, errors, dead } = counts;
      const { handedBack = 0 } = within.consumers.get(this.#names.stream(task)) ?? {};
      return [task, { in: begun, out, errors, dead, handedBack }] as const;
    });
    return {
      tasks: Object.fromEntries(tasks),
      left: await this.#isLeft(broker),
      milliseconds: Math.round(performance.now() - startedAt),
    };
  }

  /** Nothing more is taken; what is taken is worked off. */
  stop(): void {
    for (const budget of this.#budgets) budget.left = 0;
  }

  /** Tells the consumers what waits for them, until nothing can be done any more. Never rejects. */
  async #feed(
    within: DrainBroker,
    run: { budget: DrainBudget; running: Promise<void>; isOver: () => boolean },
  ): Promise<void> {
    const { budget, running, isOver } = run;
    let quietSince = performance.now();
    let before = -1;
    while (!isOver() && performance.now() < budget.until) {
      const idle: boolean[] = [];
      let taken = 0;
      for (const task of this.#tasks) {
        const consumer = within.consumers.get(this.#names.stream(task.id));
        const state = await this.#stateOf(within, task);
        if (consumer === undefined || state === undefined) {
          idle.push(false);
          continue;
        }
        taken += consumer.taken;
        idle.push(isIdle(consumer, state, { budget, quietSince }));
      }
      const now = performance.now();
      if (taken !== before) quietSince = now;
      else if (idle.every(Boolean)) return;
      before = taken;
      await waitAtMost(running, Math.min(LOOK_MS, Math.max(0, budget.until - now)));
    }
  }

  async #isLeft(broker: Broker): Promise<boolean> {
    for (const task of this.#tasks) {
      const state = await this.#stateOf(broker, task);
      if (state === undefined || state.pending + state.ackPending > 0) return true;
    }
    return false;
  }

  /** Undefined if nobody can tell. */
  async #stateOf(broker: Broker, task: TaskPlan): Promise<QueueState | undefined> {
    const asked = broker.queueState(this.#names.stream(task.id), task.groupId);
    try {
      await waitAtMost(asked, ANSWER_MS);
      return await Promise.race([asked, Promise.resolve(undefined)]);
    } catch (error) {
      const { log } = this.#options;
      log.debug("Cannot ask how a queue stands", { task: task.id, reason: reasonOf(error) });
      return undefined;
    }
  }

  #paceOf(stream: string): Pace {
    let pace = this.#paces.get(stream);
    if (pace === undefined) this.#paces.set(stream, pace = new Pace());
    return pace;
  }
}

/** Hands back what runs over. */
async function expire({ consumers }: DrainBroker, kill: AbortController): Promise<void> {
  for (const consumer of consumers.values()) consumer.expire();
  kill.abort(new Error("The budget of the drain is used up"));
  const closing = [...consumers.values()].map((consumer) => consumer.close(END_MS));
  // Whoever has begun to close them may give them longer.
  await waitAtMost(Promise.all(closing), END_MS);
}

/** Whether nothing can be done for a task, now that its consumer knows how its queue stands. */
function isIdle(
  consumer: DrainConsumer,
  { pending, ackPending }: QueueState,
  { budget, quietSince }: { budget: DrainBudget; quietSince: number },
): boolean {
  const elsewhere = Math.max(0, ackPending - consumer.held);
  consumer.knows(pending + elsewhere);
  if (consumer.held > 0) return false;
  if (budget.left <= 0 || !consumer.hasTime) return true;
  if (pending > 0) return false;
  return elsewhere === 0 || performance.now() - quietSince > QUIET_MS;
}

/** Attempts are those of the pipeline's mode: a batch tries a record five times, here too. */
function drained(task: TaskPlan, plan: Plan): TaskPlan {
  const attempts = maxAttemptsOf(task, plan.mode === "batch");
  if (attempts === Infinity || task.meta.has("max.attempts")) return task;
  const values = new Map(task.meta.keys().map((key) => [key, task.meta.get(key)]));
  return { ...task, meta: new Meta(task.id, values.set("max.attempts", attempts)) };
}
