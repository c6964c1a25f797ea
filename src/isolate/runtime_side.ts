import type { Host, Thread } from "../host.ts";
import type { LogFields, Logger, LogLevel } from "../base/log.ts";
import type { TaskPlan } from "../pipeline/plan/plan.ts";
import type { RecentCache } from "../base/data/recent_cache.ts";
import type { CloseContext, Context, OpenContext } from "../api/context.ts";
import { schemaCache } from "../runtime/records/schema_cache.ts";
import type { TaskStore } from "../api/task_store.ts";
import { type Message, moved, Peer } from "./thread_rpc.ts";
import type { ContextId, Loaded, LoadRequest, OpenRequest, WireRecord } from "./protocol.ts";
import { storeHandlers } from "./remote_store.ts";
import { fromWire, toWire, type WireError } from "./wire_error.ts";

/** What the function may ask of, while its call lasts. */
export interface CallContexts {
  of(index: number): Pick<CloseContext, "requestAck" | "flush"> | Context;
  /** An error of a side out that the function may not have waited for. */
  failure?: { readonly error: unknown };
}

export interface WorkerSessionOptions {
  readonly task: TaskPlan;
  readonly startThread: Host["startThread"];
  readonly store: TaskStore;
  readonly log: () => Logger | undefined;
  readonly manual: boolean;
  /** Told once when the Worker has ended by itself. */
  readonly ended: (session: WorkerSession, error: Error) => void;
}

/** A schema that the Worker has been sent. */
interface KnownSchema {
  readonly id: number;
  readonly text: string;
}

/** One Worker with the user's function in it, from its start to its end: the side of the runtime. */
export class WorkerSession {
  readonly #options: WorkerSessionOptions;
  readonly #thread: Thread;
  readonly #peer: Peer;
  readonly #calls = new Map<number, CallContexts>();
  readonly #schemas: RecentCache<string, KnownSchema>;
  /** Schemas that the Worker is to drop: after the call that is being put together, which may need them. */
  #dropped: number[] = [];
  #lastSchema = 0;
  /** Takes the listeners at the signals back. */
  readonly #over = new AbortController();
  #lastCall = 0;
  #killSignal?: AbortSignal;
  /** With manual acknowledgement a function may ask when its call has returned. */
  #latest?: CallContexts;
  #manual: boolean;

  constructor(options: WorkerSessionOptions) {
    this.#options = options;
    this.#manual = options.manual;
    this.#schemas = schemaCache<KnownSchema>(({ id }) => this.#dropped.push(id));
    const at = ({ call, index }: ContextId) => this.#contextAt(call, index);
    this.#peer = new Peer((message, transfer) => this.#thread.post(message, transfer), {
      ...storeHandlers(() => options.store, () => this.#peer),
      log: ([level, message, fields]: [LogLevel, string, LogFields]) => {
        const name = level.toLowerCase() as Lowercase<LogLevel>;
        options.log()?.[name](message, fields);
      },
      object: async ([id]: [ContextId]) => this.#peer.lend(await (at(id) as Context).object()),
      toSideStream: ([id, sideOut, record]: [ContextId, string, unknown]) => {
        const context = at(id) as Context;
        try {
          return context.toSideStream(sideOut, record);
        } catch (error) {
          const calls = this.#calls.get(id.call);
          if (calls !== undefined) calls.failure ??= { error };
          throw error;
        }
      },
      requestAck: ([id]: [ContextId]) => at(id).requestAck(),
      flushFiles: ([id, paths]: [ContextId, string[]]) => at(id).flush(...paths),
      end: ([error]: [WireError]) => {
        const cause = fromWire(error);
        this.#end(
          cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause),
          cause,
        );
      },
    });
    this.#thread = options.startThread({
      message: (data) => this.#peer.receive(data as Message),
      ended: (reason) => this.#end(reason),
    });
  }

  /** Loads the module. Rejects with what it throws. */
  async load(): Promise<Loaded> {
    const { task, manual } = this.#options;
    const { id, kind, outputs, meta } = task;
    const request: LoadRequest = {
      path: task.module!,
      task: { id, kind, outputs },
      meta: meta.keys().map((key) => [key, meta.get(key)]),
      manual,
    };
    const loaded = await this.#peer.ask("load", [request]) as Loaded;
    this.#manual ||= loaded.manualAck;
    return loaded;
  }

  /** Calls `open`. Resolves with the schema of the main output. */
  async open(context: OpenContext, schemaOut: unknown): Promise<unknown> {
    const { flow, schemaIn } = context;
    this.#forward("stop", context.signal);
    const storeAddress = this.#options.store.address;
    const request: OpenRequest = { flow, schemaIn, schemaOut, storeAddress };
    return await this.#peer.ask("open", [request]);
  }

  /**
   * Asks for one call of the function.
   * @param make What is asked, given the number of the call.
   */
  async call(
    method: "process" | "flush" | "close",
    contexts: CallContexts,
    make: (call: number) => { args: unknown[]; transfer?: readonly ArrayBuffer[] },
  ): Promise<unknown> {
    const call = ++this.#lastCall;
    this.#calls.set(call, contexts);
    try {
      const { args, transfer } = make(call);
      const asked = this.#peer.ask(method, args, { transfer });
      if (this.#dropped.length > 0) this.#peer.tell("dropSchemas", [this.#dropped.splice(0)]);
      const answer = await asked;
      if (contexts.failure !== undefined) throw contexts.failure.error;
      return answer;
    } finally {
      this.#calls.delete(call);
      if (this.#manual) this.#latest = contexts;
    }
  }

  /** A record as it is sent, with the memory that moves along. */
  wire(context: Context): { record: WireRecord; buffer: ArrayBuffer } {
    if (this.#killSignal === undefined) {
      this.#killSignal = context.signal;
      this.#forward("kill", context.signal);
    }
    const { schema, body } = context.recordAsAvro();
    const { value, buffers } = moved(body);
    const record: WireRecord = {
      schema: this.#schemaId(schema),
      body: value,
      delivery: context.delivery,
      traceparent: context.traceparent,
      localPath: context.localPath,
    };
    return { record, buffer: buffers[0]! };
  }

  /** Ends the Worker at once; what is asked of it is rejected with the error. */
  terminate(error: Error): void {
    this.#over.abort();
    this.#thread.terminate();
    this.#peer.fail(error);
  }

  #end(reason: string, cause?: unknown): void {
    if (this.#over.signal.aborted) return;
    const { id } = this.#options.task;
    const error = new Error(`The Worker of task "${id}" has ended: ${reason}`, { cause });
    this.terminate(error);
    this.#options.ended(this, error);
  }

  #contextAt(call: number, index: number): ReturnType<CallContexts["of"]> {
    const contexts = this.#calls.get(call) ?? this.#latest;
    if (contexts !== undefined) return contexts.of(index);
    throw new Error("The call is over: its context cannot be used any more");
  }

  #schemaId(text: string): number {
    const known = this.#schemas.get(text);
    if (known !== undefined) return known.id;
    const id = ++this.#lastSchema;
    this.#schemas.set(text, { id, text });
    this.#peer.tell("schema", [id, text]);
    return id;
  }

  /** Has a signal of the runtime aborted in the Worker too. */
  #forward(name: "stop" | "kill", signal: AbortSignal): void {
    const tell = () => this.#peer.tell(name, [toWire(signal.reason)]);
    if (signal.aborted) tell();
    else signal.addEventListener("abort", tell, { once: true, signal: this.#over.signal });
  }
}
