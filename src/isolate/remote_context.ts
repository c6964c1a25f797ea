import type { JsonForm, RecordSchema, RecordValue } from "../codec/codec.ts";
import type { Logger } from "../base/log.ts";
import { manualOf } from "../runtime/calls/call_context.ts";
import type { BulkContext, CloseContext, Context, DeliveryInfo } from "../api/context.ts";
import type { TaskOutputs } from "../runtime/records/outputs.ts";
import { type ContextScope, ScopedContext } from "../runtime/calls/scoped_context.ts";
import type { TaskStore } from "../api/task_store.ts";
import { TracedScope } from "../runtime/calls/traced_scope.ts";
import type { Peer } from "./thread_rpc.ts";
import type { ContextId, FlushFailure, WireRecord } from "./protocol.ts";
import { toWire } from "./wire_error.ts";

/** What all calls in one Worker share. */
export interface RemoteScope extends ContextScope {
  readonly peer: Peer;
  readonly manual: boolean;
  /** Knows the schemas; publishes nothing. */
  readonly outputs: TaskOutputs;
}

/** The `Context` of one call in a Worker. */
export class RemoteContext extends ScopedContext implements Context {
  readonly #scope: RemoteScope;
  readonly #id: ContextId;
  readonly #wire: WireRecord;
  readonly #schema: RecordSchema;
  readonly #named: Pick<ContextScope, "log" | "store">;
  readonly record: RecordValue;

  constructor(
    scope: RemoteScope,
    given: { id: ContextId; wire: WireRecord; schema: RecordSchema },
  ) {
    super(scope);
    this.#scope = scope;
    this.#id = given.id;
    this.#wire = given.wire;
    this.#schema = given.schema;
    const { traceparent } = given.wire;
    this.#named = traceparent === undefined ? scope : new TracedScope(scope, traceparent);
    this.record = given.schema.decode(given.wire.body);
  }

  get delivery(): DeliveryInfo {
    return this.#wire.delivery;
  }
  get traceparent(): string | undefined {
    return this.#wire.traceparent;
  }
  override get log(): Logger {
    return this.#named.log;
  }
  override get store(): TaskStore {
    return this.#named.store;
  }
  get localPath(): string | undefined {
    return this.#wire.localPath;
  }

  async object(): Promise<ReadableStream<Uint8Array>> {
    return this.#scope.peer.borrow(await this.#scope.peer.ask("object", [this.#id]) as number);
  }

  recordAsJson(form?: JsonForm): unknown {
    return this.#schema.toJson(this.record, form);
  }

  recordAsAvro(): { schema: string; body: Uint8Array } {
    return { schema: this.#schema.text, body: this.#wire.body };
  }

  newRecord(sideOut?: string): RecordValue {
    return this.#scope.outputs.schema(sideOut).newRecord();
  }

  toSideStream(sideOut: string, record: unknown): Promise<void> {
    this.#scope.outputs.checkSide(sideOut, record);
    const stored = this.#scope.peer.ask("toSideStream", [this.#id, sideOut, record]);
    // Nobody has to await it: the runtime knows the failure too.
    stored.catch(() => {});
    return stored as Promise<void>;
  }

  requestAck(): void {
    requestAck(this.#scope, this.#id);
  }

  async flush(...paths: string[]): Promise<void> {
    await this.#scope.peer.ask("flushFiles", [this.#id, paths]);
  }
}

/** The `BulkContext` of one bulk in a Worker. */
export class RemoteBulkContext extends ScopedContext implements BulkContext {
  readonly #contexts: readonly RemoteContext[];
  readonly #failures = new Map<number, FlushFailure>();

  constructor(scope: RemoteScope, contexts: readonly RemoteContext[]) {
    super(scope);
    this.#contexts = contexts;
  }

  get failures(): FlushFailure[] {
    return [...this.#failures.values()];
  }

  of(index: number): Context {
    const context = this.#contexts[index];
    if (context !== undefined) return context;
    throw new RangeError(
      `Cannot find record ${index} of a bulk of ${this.#contexts.length}: they are counted from 0`,
    );
  }

  fail(index: number, error: unknown): void {
    this.of(index);
    if (!this.#failures.has(index)) this.#failures.set(index, [index, toWire(error)]);
  }
}

/** The `CloseContext` in a Worker. */
export class RemoteCloseContext extends ScopedContext implements CloseContext {
  readonly #scope: RemoteScope;
  readonly #id: ContextId;

  constructor(scope: RemoteScope, call: number) {
    super(scope);
    this.#scope = scope;
    this.#id = { call, index: 0 };
  }

  requestAck(): void {
    requestAck(this.#scope, this.#id);
  }

  async flush(...paths: string[]): Promise<void> {
    await this.#scope.peer.ask("flushFiles", [this.#id, paths]);
  }
}

function requestAck({ manual, task, peer }: RemoteScope, id: ContextId): void {
  if (!manual) manualOf({ task });
  peer.tell("requestAck", [id]);
}
