import { NATS_QUEUE_BYTES } from "../app.ts";
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
  /** Streams that are there. */
  readonly #ensured = new Set<string>();
  #known?: { broker: Broker; schemas: Schemas };

  constructor(options: { plan: Plan; codec: Codec }) {
    this.#plan = options.plan;
    this.#codec = options.codec;
    this.#names = new FlowNames(options.plan.flowId);
  }

  /** Makes the queues of all that take something from a task. @throws {HttpError} 503; {StartError} for a stream that cannot be used. */
  async ready(broker: Broker, task: TaskPlan): Promise<Schemas> {
    const consumers = new Set(task.outputs.flatMap((output) => output.consumers));
    try {
      for (const consumer of this.#plan.tasks.filter(({ id }) => consumers.has(id))) {
        const queue = queueOf(consumer, this.#names, NATS_QUEUE_BYTES);
        if (this.#ensured.has(queue.stream)) continue;
        await broker.ensureQueue(queue);
        this.#ensured.add(queue.stream);
      }
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
