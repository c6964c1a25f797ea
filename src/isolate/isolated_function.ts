import { placedReasonOf } from "../base/error_place.ts";
import { reasonOf } from "../base/errors.ts";
import type { Host } from "../host.ts";
import type { Logger } from "../base/log.ts";
import type { RecordValue } from "../codec/codec.ts";
import type { TaskPlan } from "../pipeline/plan/plan.ts";
import type { BulkContext, CloseContext, Context, OpenContext } from "../api/context.ts";
import type { Outputs, ProcessFunction } from "../api/function.ts";
import { EndedWorker } from "../runtime/calls/ended_worker.ts";
import { InterruptedCall } from "../base/interrupted_call.ts";
import type { TaskStore } from "../api/task_store.ts";
import { REAL_TIMERS, type Timers } from "../base/time/timers.ts";
import type { FlushFailure, FlushRequest, ProcessRequest } from "./protocol.ts";
import { fromWire } from "./wire_error.ts";
import { WorkerSession } from "./runtime_side.ts";

export interface IsolateOptions {
  readonly task: TaskPlan;
  readonly store: TaskStore;
  readonly startThread: Host["startThread"];
  /** @default the real ones */
  readonly timers?: Timers;
}

/** A call that is in the Worker. */
interface Call {
  readonly session: WorkerSession;
  readonly reject: (error: Error) => void;
}

/**
 * A function of the user's in a Web Worker (`meta.isolate`): it may compute for as long as it likes without keeping heartbeats and other tasks waiting, and
 * is ended after `meta.max.processing.ms`. A Worker that was ended, or has ended itself, is replaced for the next call, `open` included.
 *
 * Which call has ended a Worker is known only if there was no other in it. If there were, all of them are made again, one at a time.
 */
export class IsolatedFunction implements ProcessFunction {
  readonly #options: IsolateOptions;
  readonly #limitMs: number | undefined;
  readonly #timers: Timers;
  readonly #calls = new Set<Call>();
  /** Whether the module says that it acknowledges by itself. */
  manualAck = false;
  /** Present if the function has `flush`. */
  flush?: (records: readonly RecordValue[], ctx: BulkContext) => Promise<void>;
  #session?: Promise<WorkerSession>;
  /** What is to be terminated, also while it is still opening. */
  #newest?: WorkerSession;
  #opened?: { readonly context: OpenContext; readonly schemaOut: unknown };
  #released = false;
  /** Calls to come that have the Worker for themselves. */
  #alone = 0;
  /** Resolves when the last such call is over. */
  #aloneOver: Promise<void> = Promise.resolve();

  private constructor(options: IsolateOptions) {
    this.#options = options;
    const { meta } = options.task;
    this.#limitMs = meta.has("max.processing.ms")
      ? meta.getInteger("max.processing.ms")
      : undefined;
    this.#timers = options.timers ?? REAL_TIMERS;
  }

  /** Starts a Worker and loads the module there. Rejects with why it cannot be used, and then leaves nothing behind. */
  static async start(options: IsolateOptions): Promise<IsolatedFunction> {
    const made = new IsolatedFunction(options);
    const session = made.#start();
    try {
      const { flushes, manualAck } = await session.load();
      made.manualAck = manualAck;
      if (flushes) made.flush = (records, ctx) => made.#flush(records, ctx);
    } catch (error) {
      made.release();
      throw error;
    }
    made.#session = Promise.resolve(session);
    return made;
  }

  async open(context: OpenContext): Promise<void> {
    const { schemaOut } = context;
    this.#opened = { context, schemaOut };
    const session = await this.#session!;
    context.schemaOut = await session.open(context, schemaOut);
  }

  async process(_record: RecordValue, context: Context): Promise<Outputs<unknown>> {
    return await this.#call((session) =>
      session.call("process", { of: () => context }, (call) => {
        const { record, buffer } = session.wire(context);
        const request: ProcessRequest = { call, record };
        return { args: [request], transfer: [buffer] };
      })
    );
  }

  async #flush(records: readonly RecordValue[], context: BulkContext): Promise<void> {
    const contexts = records.map((_, index) => context.of(index));
    const failures = await this.#call((session) =>
      session.call("flush", { of: (index) => contexts[index]! }, (call) => {
        const wires = contexts.map((each) => session.wire(each));
        const request: FlushRequest = { call, records: wires.map(({ record }) => record) };
        return { args: [request], transfer: wires.map(({ buffer }) => buffer) };
      })
    );
    for (const [index, error] of failures as FlushFailure[]) context.fail(index, fromWire(error));
  }

  async close(context: CloseContext): Promise<void> {
    // A Worker that has ended took along whatever there was to close.
    if (this.#session === undefined) return;
    try {
      await this.#call((session) =>
        session.call("close", { of: () => context }, (call) => ({ args: [call] }))
      );
    } finally {
      this.release();
    }
  }

  /** Ends the Worker, whatever it does. Safe to call twice. */
  release(): void {
    this.#released = true;
    this.#session = undefined;
    this.#newest?.terminate(new Error(`The Worker of task "${this.#options.task.id}" is closed`));
  }

  async #call(work: (session: WorkerSession) => Promise<unknown>): Promise<unknown> {
    const leave = await this.#enter();
    try {
      const session = await (this.#session ??= this.#startAgain());
      const { promise, reject } = Promise.withResolvers<never>();
      const call: Call = { session, reject };
      this.#calls.add(call);
      const endTimer = this.#limitMs === undefined
        ? undefined
        : this.#timers.after(this.#limitMs, () => this.#overtime(session));
      try {
        return await Promise.race([work(session), promise]);
      } finally {
        endTimer?.();
        this.#calls.delete(call);
      }
    } finally {
      leave();
    }
  }

  /** Waits for those that have the Worker for themselves. Returns what has to be called at the end of the call. */
  async #enter(): Promise<() => void> {
    const before = this.#aloneOver;
    if (this.#alone === 0) {
      await before;
      return () => {};
    }
    this.#alone--;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#aloneOver = promise;
    await before;
    return resolve;
  }

  #overtime(session: WorkerSession): void {
    const { id } = this.#options.task;
    const error = new Error(
      `The function of task "${id}" took longer than meta.max.processing.ms allows (${this.#limitMs} ms): its Worker was ended`,
    );
    session.terminate(error);
    this.#ended(session, error);
  }

  #ended(session: WorkerSession, error: Error): void {
    if (this.#newest === session) this.#session = undefined;
    this.#log?.warning("The Worker has ended; another is started for the next record", {
      reason: reasonOf(error),
    });
    const calls = [...this.#calls].filter((call) => call.session === session);
    if (calls.length === 1) return calls[0]!.reject(error);
    this.#alone += calls.length;
    for (const { reject } of calls) reject(new InterruptedCall(error.message, { cause: error }));
  }

  #start(): WorkerSession {
    const { task, store, startThread } = this.#options;
    return this.#newest = new WorkerSession({
      task,
      store,
      startThread,
      log: () => this.#log,
      manual: task.meta.get("ack.manual") === true,
      ended: (session, error) =>
        this.#ended(session, new EndedWorker(error.message, { cause: error.cause })),
    });
  }

  async #startAgain(): Promise<WorkerSession> {
    const session = this.#start();
    try {
      if (this.#released) throw new Error("the worker of the task is closed");
      await session.load();
      const { context, schemaOut } = this.#opened!;
      await session.open(context, schemaOut);
      return session;
    } catch (error) {
      const { id } = this.#options.task;
      const failure = new Error(`Cannot open task "${id}" again: ${placedReasonOf(error)}`, {
        cause: error,
      });
      session.terminate(failure);
      if (this.#newest === session) this.#session = undefined;
      throw failure;
    }
  }

  /** Undefined before `open`. */
  get #log(): Logger | undefined {
    return this.#opened?.context.log;
  }
}
