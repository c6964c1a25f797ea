import type { Broker } from "../broker/broker.ts";
import { FlowNames } from "../broker/subjects.ts";
import type { Codec } from "../codec/codec.ts";
import { reasonOf, StartError } from "../errors.ts";
import type { Plan, TaskPlan } from "../pipeline/plan.ts";
import { queueOf } from "../runtime/queues.ts";
import { Schemas } from "../runtime/schemas.ts";
import { unavailable } from "./nats_door.ts";

/** What has to be there before a handler puts records on the edges of its flow. */
export class FlowEdges {
  readonly #plan: Plan;
  readonly #codec: Codec;
  readonly #names: FlowNames;
  readonly #queueBytes: number;
  /** Streams that are there. */
  readonly #ensured = new Set<string>();
  #known?: { broker: Broker; schemas: Schemas };

  /** @param options.queueBytes Of a task's stream where the task does not say. */
  constructor(options: { plan: Plan; codec: Codec; queueBytes: number }) {
    this.#plan = options.plan;
    this.#codec = options.codec;
    this.#queueBytes = options.queueBytes;
    this.#names = new FlowNames(options.plan.flowId);
  }

  /** Makes the queues of all that take something from a task. @throws {HttpError} 503; {StartError} for a stream that cannot be used. */
  async ready(broker: Broker, task: TaskPlan): Promise<Schemas> {
    const consumers = new Set(task.outputs.flatMap((output) => output.consumers));
    try {
      const queues = this.#plan.tasks
        .filter(({ id }) => consumers.has(id))
        .map((consumer) => queueOf(consumer, this.#names, this.#queueBytes))
        .filter(({ stream }) => !this.#ensured.has(stream));
      await broker.ensureQueues(queues);
      for (const { stream } of queues) this.#ensured.add(stream);
    } catch (error) {
      if (error instanceof StartError && !error.transient) throw error;
      throw unavailable(`Cannot publish: ${reasonOf(error)}`, error);
    }
    if (this.#known?.broker !== broker) {
      const schemas = new Schemas({
        codec: this.#codec,
        state: broker.state,
        flow: this.#plan.flowId,
      });
      this.#known = { broker, schemas };
    }
    return this.#known.schemas;
  }

  /** A stream that was taken away is made again the next time. */
  forget(): void {
    this.#ensured.clear();
  }
}
