import type { App } from "../../app/app_options.ts";
import { Breather } from "../../base/time/breather.ts";
import { FlowNames } from "../../broker/subjects.ts";
import type { Codec, RecordSchema } from "../../codec/codec.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Plan, TaskPlan } from "../../pipeline/plan/plan.ts";
import { bulkMeta } from "../../pipeline/plan/delivery_meta.ts";
import { schemaCache } from "../../runtime/records/schema_cache.ts";
import { aborted } from "../../base/time/waiting.ts";
import type { AnsweredRecord } from "./call_answer.ts";
import { CallBroker } from "./call_broker.ts";
import { type CallInput, CallJob, type CallOutcome } from "./call_job.ts";
import { CallState } from "./call_state.ts";
import { CallSettlement } from "./call_settlement.ts";
import type { HandlerMetrics } from "../handler_metrics.ts";

export interface TaskCallsOptions {
  app: App;
  plan: Plan;
  task: TaskPlan;
  /** Whether the function acknowledges by itself. */
  manualAck: boolean;
  codec: Codec;
  podName: string;
  log: Logger;
  metrics: HandlerMetrics;
}

/** A worker at work, until it is stopped or cannot go on. */
interface Session {
  readonly stop: AbortController;
  readonly kill: AbortController;
  readonly ended: Promise<void>;
  /** Whether something in it takes longer than anybody waits for. */
  isRetired: boolean;
}

/**
 * One task, called instead of fed by its edges: the worker is the runtime's own. It stays between calls, so that `open` is called once; a function that works
 * in bulks or acknowledges by itself gets a worker for each call, because only the end of its input makes it finish.
 */
export class TaskCalls {
  readonly #options: TaskCallsOptions;
  readonly #task: TaskPlan;
  readonly #ends: boolean;
  /** By the subject that it is sent to. */
  readonly #sideOuts: ReadonlyMap<string, string | undefined>;
  readonly #names: FlowNames;
  readonly #state = new CallState();
  /** Of outputs, by fingerprint. */
  readonly #schemas = schemaCache<RecordSchema>();
  readonly #warm = new CallBroker({ state: this.#state, takesAhead: false });
  readonly #sessions = new Set<Session>();
  #session?: Session;
  #sequence = 0;

  constructor(options: TaskCallsOptions) {
    const { task, plan, manualAck } = options;
    this.#options = options;
    this.#task = calledTask(task);
    this.#names = new FlowNames(plan.flowId);
    this.#sideOuts = new Map(
      task.outputs.map(({ sideOut }) => [this.#names.edge(CALLER, task.id, sideOut), sideOut]),
    );
    this.#ends = manualAck || task.meta.get("ack.manual") === true || bulkMeta(task) !== undefined;
  }

  /**
   * What became of each record, in order.
   * @param options.schemas Those that the records are written with.
   * @throws why the worker cannot work; and the signal's reason.
   */
  async call(
    inputs: readonly CallInput[],
    options: { schemas: readonly RecordSchema[]; signal: AbortSignal },
  ): Promise<CallOutcome[]> {
    const releases = options.schemas.map(({ fingerprint, text }) =>
      this.#state.hold(this.#names.state("schema", fingerprint), text)
    );
    try {
      return await this.#call(inputs, options.signal);
    } finally {
      for (const release of releases) release();
    }
  }

  async #call(inputs: readonly CallInput[], signal: AbortSignal): Promise<CallOutcome[]> {
    signal.throwIfAborted();
    const broker = this.#ends
      ? new CallBroker({ state: this.#state, takesAhead: true })
      : this.#warm;
    const breather = new Breather(signal);
    const jobs: CallJob[] = [];
    for (const input of inputs) {
      jobs.push(new CallJob(input, ++this.#sequence));
      await breather.rest();
    }
    for (const job of jobs) broker.offer(job);
    const session = this.#ends ? this.#start(broker) : this.#session ??= this.#start(broker);
    const outcomes = Promise.all(jobs.map((job) => job.outcome));
    outcomes.catch(() => {});
    const result = await Promise.race([outcomes, aborted(signal)]);
    if (result !== undefined) return result;
    for (const job of jobs) job.abandon(signal.reason);
    // A call that hangs must not hold up those to come.
    const held = new Set(broker.held());
    if (this.#ends || jobs.some((job) => held.has(job))) this.#retire(session, broker);
    throw signal.reason;
  }

  /** What came of the records, in order. */
  async recordsOf(
    outcomes: readonly CallOutcome[],
    signal: AbortSignal,
  ): Promise<AnsweredRecord[]> {
    const records: AnsweredRecord[] = [];
    const breather = new Breather(signal);
    for (const [item, { outputs }] of outcomes.entries()) {
      for (const { subject, fingerprint, body } of outputs) {
        const sideOut = this.#sideOuts.get(subject);
        const schema = await this.#schemaOf(fingerprint);
        records.push({ item, ...(sideOut !== undefined && { sideOut }), schema, body });
        await breather.rest();
      }
    }
    return records;
  }

  async #schemaOf(fingerprint: string): Promise<RecordSchema> {
    let schema = this.#schemas.get(fingerprint);
    if (schema === undefined) {
      const entry = await this.#state.get(this.#names.state("schema", fingerprint));
      schema = this.#options.codec.parse(entry?.value);
      this.#schemas.set(fingerprint, schema);
    }
    return schema;
  }

  /** Ends the Worker of an isolated function, which the next call starts again: it would keep the process alive. */
  rest(): void {
    if (this.#session === undefined || this.#task.meta.get("isolate") !== true) return;
    this.#session.isRetired = true;
    this.#session.stop.abort();
    this.#session = undefined;
  }

  /** Lets what is under way come to its end. */
  async close(): Promise<void> {
    const sessions = [...this.#sessions];
    for (const { stop } of sessions) stop.abort();
    // One that hangs has nobody who waits for it.
    await Promise.all(sessions.filter((each) => !each.isRetired).map(({ ended }) => ended));
    await this.#warm.close();
  }

  #start(broker: CallBroker): Session {
    const session: Session = {
      stop: new AbortController(),
      kill: new AbortController(),
      ended: Promise.resolve().then(() => this.#run(broker, session)),
      isRetired: false,
    };
    this.#sessions.add(session);
    return session;
  }

  /** Never rejects: what goes wrong is told to those who wait. */
  async #run(broker: CallBroker, session: Session): Promise<void> {
    const { app, plan, podName, log, metrics } = this.#options;
    const task = this.#task;
    const run = crypto.randomUUID();
    const counted = metrics.session(task);
    let failure: unknown = new Error(`The worker of task "${task.id}" has ended; call again`);
    try {
      await app.run({
        plan: { ...plan, mode: this.#ends ? "batch" : "streaming" },
        tasks: [task],
        run,
        broker,
        workers: this.#ends ? 1 : undefined,
        stop: session.stop.signal,
        kill: session.kill.signal,
        exporter: counted,
        settlementOf: (_task, consumer, progress) =>
          new CallSettlement({
            flow: plan.flowId,
            task: task.id,
            podName,
            consumer,
            progress,
            log,
          }),
        started: (progress) => {
          counted.progress = progress;
          if (this.#ends) void this.#endInput(run);
        },
      });
    } catch (error) {
      failure = error;
      log.error("The worker of a called task has failed", {
        task: task.id,
        reason: reasonOf(error),
      });
    } finally {
      counted.end();
      if (this.#ends) await this.#forget(run);
      this.#sessions.delete(session);
      if (this.#session === session) this.#session = undefined;
      if (!session.isRetired || this.#ends) broker.abandonAll(failure);
      else if (broker.pending > 0) this.#session ??= this.#start(broker);
    }
  }

  /** All that there is has been offered: as at the end of a batch. */
  async #endInput(run: string): Promise<void> {
    for (const { producer } of this.#task.inputs) {
      await this.#state.put(this.#names.state("finished", run, producer), "");
    }
  }

  /** A run of one call: nobody asks for it again. */
  async #forget(run: string): Promise<void> {
    const keys = await this.#state.keys(this.#names.state("finished", run));
    for (const key of keys) await this.#state.delete(key);
  }

  /** Gives the session no more to do, and calls it off once nobody waits for anything it holds. */
  #retire(session: Session, broker: CallBroker): void {
    session.isRetired = true;
    session.stop.abort();
    const others = broker.held().filter((job) => !job.isSettled).map(({ outcome }) => outcome);
    void Promise.allSettled(others).then(() => session.kill.abort());
    if (this.#session !== session) return;
    this.#session = broker.pending > 0 ? this.#start(broker) : undefined;
  }
}

/** The only consumer of a called task is whoever calls it, and there is nobody else to tell of its errors. */
const CALLER = "caller";

function calledTask(task: TaskPlan): TaskPlan {
  const bulk = bulkMeta(task) !== undefined;
  return {
    ...task,
    sideStream: { ...task.sideStream, enabled: false },
    outputs: task.outputs.map((output) => ({
      ...output,
      // What nobody takes in the pipeline the caller can have too, if it has a schema. Bulk mode is for tasks without outputs.
      consumers: output.consumers.length > 0 || (output.schema !== undefined && !bulk)
        ? [CALLER]
        : [],
    })),
  };
}
