import { FlowNames } from "../broker/subjects.ts";
import type { Codec, RecordSchema } from "../codec/codec.ts";
import type { Host } from "../host.ts";
import { Meta } from "../pipeline/plan/meta.ts";
import type { OpenContext } from "../api/context.ts";
import { type TaskCode, toTaskCode } from "../api/task_code.ts";
import { TaskOutputs } from "../runtime/records/outputs.ts";
import { type Message, Peer, type Post } from "./thread_rpc.ts";
import type {
  FlushFailure,
  FlushRequest,
  Loaded,
  LoadRequest,
  OpenRequest,
  ProcessRequest,
  WireRecord,
} from "./protocol.ts";
import {
  RemoteBulkContext,
  RemoteCloseContext,
  RemoteContext,
  type RemoteScope,
} from "./remote_context.ts";
import { remoteLog } from "./remote_log.ts";
import { RemoteStore } from "./remote_store.ts";
import { fromWire, toWire, type WireError } from "./wire_error.ts";

export interface InsideOptions {
  readonly post: Post;
  readonly codec: Codec;
  readonly loadModule: Host["loadModule"];
}

/**
 * The side of the user's function: what runs in the Worker. It knows no more of the runtime than it is told, so that what starts it is one small
 * file, which a binary has to contain as an entry point of its own.
 */
export class Inside {
  readonly #options: InsideOptions;
  readonly #peer: Peer;
  readonly #stop = new AbortController();
  readonly #kill = new AbortController();
  readonly #schemas = new Map<number, RecordSchema>();
  #given?: LoadRequest;
  #code?: TaskCode;
  #scope?: RemoteScope;

  constructor(options: InsideOptions) {
    this.#options = options;
    const abort = (controller: AbortController) => ([reason]: [WireError]) =>
      controller.abort(fromWire(reason));
    this.#peer = new Peer(options.post, {
      load: ([request]: [LoadRequest]) => this.#load(request),
      open: ([request]: [OpenRequest]) => this.#open(request),
      schema: ([id, text]: [number, string]) => {
        this.#schemas.set(id, options.codec.parse(text));
      },
      dropSchemas: ([ids]: [readonly number[]]) => {
        for (const id of ids) this.#schemas.delete(id);
      },
      process: ([request]: [ProcessRequest]) => this.#process(request),
      flush: ([request]: [FlushRequest]) => this.#flush(request),
      close: ([call]: [number]) =>
        this.#code!.process.close?.(new RemoteCloseContext(this.#scope!, call)),
      stop: abort(this.#stop),
      kill: abort(this.#kill),
    });
  }

  /** Takes what the other thread has posted. */
  receive(message: unknown): void {
    this.#peer.receive(message as Message);
  }

  /** Says that the Worker ends, or can do no more, and why. */
  tellEnd(error: unknown): void {
    this.#peer.tell("end", [toWire(error)]);
  }

  async #load(request: LoadRequest): Promise<Loaded> {
    const module = await this.#options.loadModule(request.path);
    this.#given = request;
    const { process, manualAck } = this.#code = toTaskCode(module.default);
    return { flushes: process.flush !== undefined, manualAck };
  }

  async #open(request: OpenRequest): Promise<unknown> {
    const { task, meta } = this.#given!;
    const manual = this.#given!.manual || this.#code!.manualAck;
    const { flow, schemaIn, schemaOut } = request;
    const peer = this.#peer;
    const log = remoteLog((...line) => peer.tell("log", line));
    const shared = {
      flow,
      task: task.id,
      meta: new Meta(task.id, new Map(meta)),
      log,
      store: new RemoteStore(peer, request.storeAddress),
    };
    const given: OpenContext = { ...shared, schemaIn, schemaOut, signal: this.#stop.signal };
    await this.#code!.process.open?.(given);
    const outputs = new TaskOutputs({
      flow,
      task,
      names: new FlowNames(flow),
      // It is only asked about schemas here: records are published by the other thread, which knows what the broker takes.
      publisher: { publish() {} },
      maxPayload: Infinity,
    });
    const { codec } = this.#options;
    await outputs.open({
      register: (schema) => Promise.resolve(codec.parse(schema)),
    }, given.schemaOut);
    this.#scope = { ...shared, peer, signal: this.#kill.signal, manual, outputs };
    return given.schemaOut;
  }

  #process({ call, record }: ProcessRequest): unknown {
    const context = this.#context(record, call, 0);
    return this.#code!.process.process(context.record, context);
  }

  async #flush({ call, records }: FlushRequest): Promise<FlushFailure[]> {
    const contexts = records.map((record, index) => this.#context(record, call, index));
    const bulk = new RemoteBulkContext(this.#scope!, contexts);
    await this.#code!.process.flush!(contexts.map(({ record }) => record), bulk);
    return bulk.failures;
  }

  #context(wire: WireRecord, call: number, index: number): RemoteContext {
    const schema = this.#schemas.get(wire.schema)!;
    return new RemoteContext(this.#scope!, { id: { call, index }, wire, schema });
  }
}
