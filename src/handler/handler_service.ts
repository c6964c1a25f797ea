import { createApp } from "../app/app.ts";
import { NATS_QUEUE_BYTES } from "../app/brokers.ts";
import type { App } from "../app/app_options.ts";
import { MemoryState } from "../broker/memory/memory_state.ts";
import { AvroCodec } from "../codec/avro/avro_codec.ts";
import type { Codec, RecordSchema } from "../codec/codec.ts";
import { ConfigurationError } from "../base/errors.ts";
import type { Plan, TaskPlan } from "../pipeline/plan/plan.ts";
import { type TaskCode, toTaskCode } from "../api/task_code.ts";
import { readSettings } from "../settings/settings.ts";
import { VERSION } from "../base/version.ts";
import { CallBroker } from "./call/call_broker.ts";
import { acknowledgesItself, exportedBy, type HandlerParts } from "./handler_source.ts";
import { Drains } from "./drain/drain.ts";
import { FlowEdges } from "./flow_edges.ts";
import { HandlerMetrics } from "./handler_metrics.ts";
import { NatsDoor } from "./lazy_nats.ts";
import { NotifiedObjects } from "./notify/notified_objects.ts";
import { OutputPublisher } from "./call/publish_outputs.ts";
import { TaskCalls } from "./call/task_calls.ts";

/** Everything behind a handler's paths, ready to work. */
export class HandlerService {
  readonly parts: HandlerParts;
  readonly plan: Plan;
  readonly codec: Codec = new AvroCodec();
  readonly metrics: HandlerMetrics;
  readonly nats: NatsDoor;
  readonly publisher: OutputPublisher;
  readonly app: App;
  readonly drains: Drains;
  readonly notified: NotifiedObjects;
  /** Tasks that can be worked on here: those that take records and have their code. */
  readonly calls: ReadonlyMap<string, TaskCalls>;

  /** By what the plan has of them. */
  readonly #schemas = new Map<unknown, RecordSchema>();

  private constructor(parts: HandlerParts, app: App, manual: ReadonlyMap<TaskPlan, boolean>) {
    const { plan, log, host } = parts;
    this.parts = parts;
    this.plan = plan;
    this.app = app;
    this.nats = new NatsDoor(parts);
    const build = { version: VERSION, platform: host.platform };
    this.metrics = new HandlerMetrics(plan.flowId, build, {
      isReady: () => Promise.resolve(this.nats.problem === undefined),
      spansDropped: () => app.spans?.dropped ?? 0,
    });
    const { settings } = readSettings((name) => host.env(name));
    const { streamBytes: queueBytes = NATS_QUEUE_BYTES, takeOver } = settings;
    const edges = new FlowEdges({ plan, codec: this.codec, queueBytes, takeOver, log });
    this.publisher = new OutputPublisher({ plan, nats: this.nats, edges });
    const { run } = parts;
    this.notified = new NotifiedObjects({ app, plan, run, edges, metrics: this.metrics, log });
    this.drains = new Drains({
      ...{ app, plan, log, tasks: [...manual.keys()] },
      metrics: this.metrics,
    });
    const podName = host.env("HOSTNAME") || host.hostname;
    this.calls = new Map([...manual].map(([task, manualAck]) => [
      task.id,
      new TaskCalls({
        ...{ app, plan, task, manualAck, podName, log },
        codec: this.codec,
        metrics: this.metrics,
      }),
    ]));
  }

  /** @throws {ConfigurationError} if a module cannot be used, or no task can be worked on. */
  static async open(parts: HandlerParts): Promise<HandlerService> {
    const { plan, host, log, dialTcp, timers } = parts;
    const code = new Map<string, () => TaskCode>();
    const manual = new Map<TaskPlan, boolean>();
    for (const task of plan.tasks) {
      if (task.kind === "source") continue;
      if (task.type === "raw" && !parts.functions.has(task.id) && task.module === undefined) {
        continue;
      }
      let exported = parts.functions.get(task.id);
      if (task.type === "raw") exported ??= await exportedBy(task, host);
      if (exported !== undefined) code.set(task.id, () => toTaskCode(exported));
      manual.set(task, acknowledgesItself(exported));
    }
    if (manual.size === 0 && !plan.tasks.some(({ type }) => type === "fs-source")) {
      throw new ConfigurationError([{
        file: plan.file,
        problem: "no task of it can be worked on here",
        hint: "give the functions of its raw tasks by their ids",
      }]);
    }
    const broker = new CallBroker({ state: new MemoryState(), takesAhead: false });
    const app = await createApp({ plan, host, log, dialTcp, timers, code, broker });
    return new HandlerService(parts, app, manual);
  }

  /** The schema of an edge, read once. @param source As the plan has it; undefined where it has none. */
  schemaOf(source: unknown): RecordSchema | undefined {
    if (source === undefined) return undefined;
    let schema = this.#schemas.get(source);
    if (schema === undefined) this.#schemas.set(source, schema = this.codec.parse(source));
    return schema;
  }

  /** What `GET /` says. */
  about(): string {
    const { plan } = this;
    const lines = [...this.calls.keys()].map((id) => `  POST /tasks/${id}`);
    return [
      `kflow ${VERSION}, flow ${plan.flowId}`,
      "",
      ...lines,
      ...(this.nats.isThere ? ["  POST /drain", "  POST /events/s3"] : []),
      "  GET /metrics",
      "  GET /livez",
      "  GET /readyz",
      "",
    ].join("\n");
  }

  /** Lets go of what keeps a process alive and is made again when it is needed. Only while no request is worked on. */
  async rest(): Promise<void> {
    for (const calls of this.calls.values()) calls.rest();
    await this.nats.close();
    await this.app.rest();
  }

  /** Nothing more is begun. */
  stop(): void {
    this.drains.stop();
  }

  async close(): Promise<void> {
    for (const calls of this.calls.values()) await calls.close();
    await this.app.close();
    await this.nats.close();
  }
}
