import type { Broker } from "../../broker/broker.ts";
import type { FlowNames } from "../../broker/subjects.ts";
import type { Logger } from "../../base/log.ts";
import type { Codec } from "../../codec/codec.ts";
import type { Plan, TaskPlan } from "../../pipeline/plan/plan.ts";
import { ERROR_RECORD_SCHEMA, type ErrorRecord } from "./error_record.ts";
import { ErrorStream } from "./error_stream.ts";
import type { TaskProgress } from "../progress/task_progress.ts";
import { SCHEMA_HEADER, Schemas } from "../records/schemas.ts";

/** A topic that takes nothing is complained about this often by one process. */
const COMPLAIN_EVERY_MS = 60_000;

export interface ErrorStreamsOptions {
  readonly plan: Plan;
  readonly names: FlowNames;
  /** The pipeline's own. */
  readonly broker: Broker;
  readonly codec: Codec;
  readonly log: Logger;
  /** The pod, or the host, that error records name. */
  readonly podName: string;
  /** Where the error records of a task go if not to the pipeline's own broker. */
  errorBrokerOf?(task: TaskPlan): Broker | undefined;
  settingsOf(task: TaskPlan): {
    /** Whether a missing stream for error records is made. */
    readonly createSideStream: boolean;
  };
  readonly stop: AbortSignal;
}

/** The error side streams of one process: one for each task that has it enabled, shared by the task's workers. */
export class ErrorStreams {
  readonly #options: ErrorStreamsOptions;
  readonly #streams = new Map<string, Promise<ErrorStream>>();
  readonly #open: ErrorStream[] = [];
  readonly #complained = new Map<string, number>();

  constructor(options: ErrorStreamsOptions) {
    this.#options = options;
  }

  /** The error side stream of a task, open; undefined if it has none. */
  of(task: TaskPlan, progress: TaskProgress): Promise<ErrorStream | undefined> {
    if (!task.sideStream.enabled) return Promise.resolve(undefined);
    let stream = this.#streams.get(task.id);
    if (stream === undefined) {
      stream = this.#make(task, progress);
      this.#streams.set(task.id, stream);
    }
    return stream;
  }

  close(): void {
    for (const stream of this.#open) stream.close();
  }

  async #make(task: TaskPlan, progress: TaskProgress): Promise<ErrorStream> {
    const { plan, names, podName, log, stop } = this.#options;
    const broker = this.#options.errorBrokerOf?.(task) ?? this.#options.broker;
    const stream = new ErrorStream({
      flow: plan.flowId,
      task: task.id,
      stream: names.stream(task.id),
      podName,
      config: task.sideStream,
      broker,
      ...(task.sideStream.format === "json"
        ? { encode: jsonBody, headers: {}, register: () => Promise.resolve() }
        : this.#avro(broker)),
      create: this.#options.settingsOf(task).createSideStream,
      progress,
      log: log.with({ task: task.id }),
      stop,
      mayComplain: (topic) => this.#mayComplain(topic),
    });
    this.#open.push(stream);
    await stream.open();
    return stream;
  }

  /** The schema is kept where the records are, for whoever reads them there. */
  #avro(broker: Broker) {
    const { codec, plan } = this.#options;
    const schema = codec.parse(ERROR_RECORD_SCHEMA);
    const schemas = new Schemas({ codec, state: broker.state, flow: plan.flowId });
    return {
      encode: (record: ErrorRecord) => schema.encode(record),
      headers: { [SCHEMA_HEADER]: schema.fingerprint },
      register: async () => void await schemas.register(ERROR_RECORD_SCHEMA),
    };
  }

  #mayComplain(topic: string): boolean {
    const now = performance.now();
    if (now - (this.#complained.get(topic) ?? -Infinity) < COMPLAIN_EVERY_MS) return false;
    this.#complained.set(topic, now);
    return true;
  }
}

function jsonBody(record: ErrorRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(record));
}
