import type { Broker } from "../broker/broker.ts";
import { FlowNames } from "../broker/subjects.ts";
import type { Codec } from "../codec/codec.ts";
import { reasonOf, StartError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Plan, TaskPlan } from "../pipeline/plan/plan.ts";
import { queueOf } from "../runtime/run/queues.ts";
import { Schemas } from "../runtime/records/schemas.ts";
import { claimFlow } from "../runtime/start/claim_flow.ts";
import { unavailable } from "./lazy_nats.ts";

export interface FlowEdgesOptions {
  readonly plan: Plan;
  readonly codec: Codec;
  /** Bytes of a task's stream where the task does not say. */
  readonly queueBytes: number;
  /** Whether the flow id is taken from another pipeline that still uses it. */
  readonly takeOver: boolean;
  readonly log: Logger;
}

/** What has to be there before a handler puts records on the edges of its flow. */
export class FlowEdges {
  readonly #options: FlowEdgesOptions;
  readonly #names: FlowNames;
  /** Streams that are there. */
  readonly #ensured = new Set<string>();
  #known?: { broker: Broker; schemas: Schemas };

  constructor(options: FlowEdgesOptions) {
    this.#options = options;
    this.#names = new FlowNames(options.plan.flowId);
  }

  /** Makes the queues of all that take something from a task. @throws {HttpError} 503; {StartError} for a stream that cannot be used. */
  async ready(broker: Broker, task: TaskPlan): Promise<Schemas> {
    const { plan, codec, queueBytes, takeOver, log } = this.#options;
    const names = this.#names;
    const consumers = new Set(task.outputs.flatMap((output) => output.consumers));
    try {
      if (this.#known?.broker !== broker) {
        await claimFlow({ broker, plan, names, log, takeOver });
      }
      const queues = plan.tasks
        .filter(({ id }) => consumers.has(id))
        .map((consumer) => queueOf(consumer, names, queueBytes))
        .filter(({ stream }) => !this.#ensured.has(stream));
      await broker.ensureQueues(queues);
      for (const { stream } of queues) this.#ensured.add(stream);
    } catch (error) {
      if (error instanceof StartError && !error.transient) throw error;
      throw unavailable(`Cannot publish: ${reasonOf(error)}`, error);
    }
    if (this.#known?.broker !== broker) {
      const schemas = new Schemas({ codec, state: broker.state, flow: plan.flowId });
      this.#known = { broker, schemas };
    }
    return this.#known.schemas;
  }

  /** A stream that was taken away is made again the next time. */
  forget(): void {
    this.#ensured.clear();
  }
}
